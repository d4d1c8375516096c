/**
 * What `export` says of an export.
 * @module
 */
import {
  type ExportResult,
  harmless,
  type Output,
  showBytes,
  showCount,
} from "@denotune/denotune/core";

/** Shows the figures of the comparison. */
export function showExport(
  { path, passed, report }: ExportResult,
  { out, isCheck }: { readonly out: Output; readonly isCheck: boolean },
): void {
  const entry = (name: string, text: string) =>
    out.line(`${out.style("dim", name.padEnd(8))} ${harmless(text)}`);
  const { weights, text, answers, client, files } = report;
  if (weights !== undefined) {
    entry(
      "weights",
      `${showCount(weights.tensors, "tensor")}: ${
        Object.entries(weights.storages).map(([storage, found]) =>
          `${found.tensors} ${storage}${
            found.largest_error === 0
              ? ", exact"
              : `, off by ${
                found.largest_error.toPrecision(2)
              } of a block's largest number at most`
          }`
        ).join("; ")
      }`,
    );
  }
  if (text !== undefined && text.held.length > 0) {
    entry(
      "text",
      `${text.held.join(", ")}${
        text.texts > 0 ? `; ${showCount(text.texts, "text")} tokenized` : ""
      }`,
    );
  }
  if (answers !== undefined) {
    const error = answers.mean_log_probability_error;
    entry(
      "answers",
      `to ${
        showCount(answers.prompts, "prompt")
      } from ${answers.from}: ${answers.equal_answers} equal, log-probabilities ${
        error === 0
          ? "equal"
          : `${error.toPrecision(2)} nats off on average, ${
            answers.largest_log_probability_error.toPrecision(2)
          } at most`
      }`,
    );
  }
  if (client !== undefined) {
    entry(client.name, `${client.equal_answers} answers equal`);
  }
  if (!passed) return;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  entry(
    isCheck ? "checked" : "saved",
    `${path} (${showCount(files.length, "file")}, ${showBytes(bytes)})`,
  );
}
