/**
 * Elements made by hand: whatever a run folder says becomes text, never markup.
 * @module
 */

/** Makes elements. */
export function elements() {
  const SVG = "http://www.w3.org/2000/svg";

  /** An element: `h("a", { href: "#/" }, "Runs")`. Children are texts, elements, lists of them, or null. */
  function h(tag, attributes = {}, ...children) {
    const made = tag === "svg" || tag === "path"
      ? document.createElementNS(SVG, tag)
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value === true ? "" : String(value));
    }
    made.append(...children.flat(Infinity).filter((child) => child !== null));
    return made;
  }

  /** Puts children in place of those that an element has. */
  function fill(element, ...children) {
    element.replaceChildren(
      ...children.flat(Infinity).filter((child) => child !== null),
    );
    return element;
  }

  /** Sets a text only where it differs: screen readers hear what changes. */
  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  /** Characters that steer text are shown as symbols or codes. */
  function visible(text) {
    return String(text).replace(
      // deno-lint-ignore no-control-regex -- showing them is the point
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
      (c) => {
        const code = c.charCodeAt(0);
        return code < 32
          ? String.fromCharCode(0x2400 + code)
          : `\\u${code.toString(16).padStart(4, "0")}`;
      },
    );
  }

  /** A text cut to what a page can hold. */
  function shortened(text, most = 2000) {
    const shown = visible(text.slice(0, most));
    return text.length <= most
      ? shown
      : `${shown} ... (${
        (text.length - most).toLocaleString("en-US")
      } more characters)`;
  }

  return { h, fill, say, visible, shortened };
}
