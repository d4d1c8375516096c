import assert from "node:assert/strict";
import { configFolder } from "../../../../core/config/trust/config_folder.ts";

Deno.test("the config folder is the platform's, unless a variable names another", () => {
  const cases: [Record<string, string>, typeof Deno.build.os, string | null][] =
    [
      [{ HOME: "/home/me" }, "linux", "/home/me/.config/denotune"],
      [
        { HOME: "/home/me", XDG_CONFIG_HOME: "/etc/me" },
        "linux",
        "/etc/me/denotune",
      ],
      [
        { HOME: "/home/me", XDG_CONFIG_HOME: "relative" },
        "linux",
        "/home/me/.config/denotune",
      ],
      [
        { HOME: "/Users/me" },
        "darwin",
        "/Users/me/Library/Application Support/denotune",
      ],
      [{ APPDATA: "/roaming", HOME: "/h" }, "windows", "/roaming/denotune"],
      [{ HOME: "/home/me", DENOTUNE_CONFIG: "/own" }, "linux", "/own"],
      [{}, "linux", null],
    ];
  for (const [env, os, expected] of cases) {
    assert.equal(configFolder((name) => env[name], os), expected);
  }
});
