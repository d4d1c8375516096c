/**
 * An exporter writes a trained model in a layout that other tools load.
 * @module
 */

/** What is to be written. */
export interface ExportRequest {
  /** Folder of a finished run or of a saved model. */
  readonly from: string;
  /** Folder that is written. */
  readonly to: string;
}

/** Writes a model somewhere else. */
export interface Exporter {
  /** Writes the model; gives the names of the files. */
  export(
    request: ExportRequest,
  ): Promise<{ readonly files: readonly string[] }>;
}
