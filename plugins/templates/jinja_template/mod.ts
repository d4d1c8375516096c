/**
 * Jinja chat templates, for the two parts that read one: some forty files, loaded when a template is created.
 * @module
 */
export { jinjaTemplate } from "./jinja_template.ts";
export { modelEnds } from "./model_ends.ts";
