/**
 * Fills `{name}` in a prompt template.
 * @module
 */

/** Replaces every `{name}` of the given names, once: what is filled in is not looked at again. */
export function fill(
  template: string,
  values: Readonly<Record<string, string>>,
): string {
  return template.replace(
    /\{(\w+)\}/g,
    (whole, name: string) => Object.hasOwn(values, name) ? values[name] : whole,
  );
}
