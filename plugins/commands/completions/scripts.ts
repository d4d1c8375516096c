/**
 * Scripts for shells, made once: completing starts no program.
 * @module
 */
import type { FlagWords, Words } from "./words.ts";

/** Text in single quotes, for every shell here. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The first sentence, short enough for a list. */
function brief(description: string): string {
  const [first] = description.split(/(?<=[.;:])\s/);
  return first.replace(/[.;:]$/, "").replaceAll(/\s+/g, " ").slice(0, 70);
}

function withValues(flags: readonly FlagWords[]): FlagWords[] {
  return flags.filter(({ values, takesValue }) =>
    takesValue && values.length > 0
  );
}

/** For `~/.bashrc`. */
export function bashScript({ commands, keys }: Words, name: string): string {
  const fn = `_${name.replaceAll(/\W/g, "_")}`;
  const cases = commands.map(({ name, flags, takesKeys }) => {
    const values = withValues(flags).map(({ flag, values }) =>
      `        ${flag}) values=${quoted(values.join(" "))} ;;`
    );
    const byFlag = values.length === 0
      ? ""
      : `\n      case "$previous" in\n${values.join("\n")}\n      esac`;
    return `    ${name})
      flags=${quoted(flags.map(({ flag }) => flag).join(" "))}
      keys=${takesKeys ? "yes" : "no"}${byFlag}
      ;;`;
  });
  const keyCases = keys.filter(({ values }) => values.length > 0)
    .map(({ key, values }) =>
      `    ${key}) echo ${quoted(values.join(" "))} ;;`
    );
  return `# completes ${name} in bash: put it into ~/.local/share/bash-completion/completions/${name}
${fn}_values() {
  case "$1" in
${keyCases.join("\n")}
  esac
}

${fn}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="" command="" flags="" keys=no values="" word
  ((COMP_CWORD > 0)) && previous="\${COMP_WORDS[COMP_CWORD - 1]}"
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word != -* ]]; then command=$word; break; fi
  done
  if [[ -z $command ]]; then
    COMPREPLY=($(compgen -W ${
    quoted([
      ...commands.map(({ name }) => name),
      "help",
      "--help",
      "--version",
    ].join(" "))
  } -- "$current"))
    return
  fi
  case "$command" in
    help) COMPREPLY=($(compgen -W ${
    quoted(commands.map(({ name }) => name).join(" "))
  } -- "$current")); return ;;
${cases.join("\n")}
  esac
  # bash takes key=value for three words
  local key=""
  if [[ $current == "=" ]]; then key=$previous; current=""
  elif [[ $previous == "=" ]]; then key="\${COMP_WORDS[COMP_CWORD - 2]}"
  fi
  if [[ $keys == yes && -n $key ]]; then
    COMPREPLY=($(compgen -W "$(${fn}_values "$key")" -- "$current"))
  elif [[ -n $values ]]; then
    COMPREPLY=($(compgen -W "$values" -- "$current"))
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [[ $keys == yes && -n $current ]]; then
    COMPREPLY=($(compgen -S = -W ${
    quoted(keys.map(({ key }) => key).join(" "))
  } -- "$current"))
    ((\${#COMPREPLY[@]} > 0)) && compopt -o nospace 2> /dev/null
  fi
}
complete -o default -F ${fn} ${name}
`;
}

/** For a folder of `$fpath`. */
export function zshScript({ commands, keys }: Words, name: string): string {
  const fn = `_${name.replaceAll(/\W/g, "_")}`;
  const described = (word: string, text: string) =>
    quoted(`${word}:${brief(text).replaceAll(":", "\\:")}`);
  const cases = commands.map(({ name, flags, takesKeys }) =>
    `    ${name})
      flags=(${
      flags.map(({ flag, description }) => described(flag, description)).join(
        " ",
      )
    })
      ${takesKeys ? "takes_keys=1" : ":"}
      case $words[CURRENT-1] in
${
      withValues(flags).map(({ flag, values }) =>
        `        ${flag}) values=(${values.map(quoted).join(" ")}) ;;\n`
      ).join("")
    }        *) ;;
      esac
      ;;`
  );
  return `#compdef ${name}
# completes ${name} in zsh: put it as ${fn} into a folder of $fpath
${fn}() {
  local -a commands flags values keys
  local takes_keys=0
  commands=(${commands.map((c) => described(c.name, c.description)).join(" ")})
  if (( CURRENT == 2 )) || [[ $words[2] == help && CURRENT -eq 3 ]]; then
    _describe command commands
    return
  fi
  case $words[2] in
${cases.join("\n")}
  esac
  if (( $#values )); then
    compadd -a values
  elif [[ $PREFIX == -* ]]; then
    _describe option flags
  elif (( takes_keys )) && [[ $PREFIX == *=* ]]; then
    case \${PREFIX%%=*} in
${
    keys.filter(({ values }) => values.length > 0).map(({ key, values }) =>
      `      ${key}) values=(${values.map(quoted).join(" ")}) ;;`
    ).join("\n")
  }
    esac
    compset -P '*='
    if (( $#values )); then compadd -a values; else _files; fi
  else
    if (( takes_keys )); then
      keys=(${keys.map(({ key }) => key).join(" ")})
      compadd -S = -a keys
    fi
    _files
  fi
}
if [[ $funcstack[1] == ${fn} ]]; then ${fn} "$@"; else compdef ${fn} ${name}; fi
`;
}

/** For `~/.config/fish/completions`. */
export function fishScript({ commands, keys }: Words, name: string): string {
  const lines = [
    `# completes ${name} in fish: put it into ~/.config/fish/completions/${name}.fish`,
  ];
  for (
    const command of [...commands, {
      name: "help",
      description: "show the help of a command",
    }]
  ) {
    lines.push(
      `complete -c ${name} -f -n __fish_use_subcommand -a ${command.name} -d ${
        quoted(brief(command.description))
      }`,
    );
  }
  for (const { name: command, flags, takesKeys } of commands) {
    const where = `-n ${quoted(`__fish_seen_subcommand_from ${command}`)}`;
    for (const { flag, description, takesValue, values } of flags) {
      const value = !takesValue
        ? ""
        : values.length === 0
        ? " -r"
        : ` -x -a ${quoted(values.join(" "))}`;
      lines.push(
        `complete -c ${name} ${where} -l ${flag.slice(2)} -d ${
          quoted(brief(description))
        }${value}`,
      );
    }
    if (!takesKeys) continue;
    const words = keys.flatMap((
      { key, values },
    ) => [`${key}=`, ...values.map((value) => `${key}=${value}`)]);
    lines.push(`complete -c ${name} ${where} -a ${quoted(words.join(" "))}`);
  }
  return `${lines.join("\n")}\n`;
}
