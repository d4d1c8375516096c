/**
 * What a template cannot do.
 * @module
 */

/** What a template cannot do: `message` says it as Python would. */
export class JinjaError extends Error {}

/** The template costs more than any template needs: it is not run for other rows, either. */
export class BudgetError extends JinjaError {}
