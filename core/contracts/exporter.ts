/**
 * An exporter writes a trained model in a layout that other tools load.
 * @module
 */

/** What is to be written. */
export interface ExportRequest {
  /** Folder of a finished run or of a saved model. */
  readonly from: string;
  readonly to: string;
}

/** Writes a model somewhere else. */
export interface Exporter {
  export(
    request: ExportRequest,
  ): Promise<{ readonly files: readonly string[] }>;
}
