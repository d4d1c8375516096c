/**
 * The buttons of a run: stop, resume, other prompts. Each says what became of it.
 * @module
 */

/** Makes buttons. */
export function runControls(app) {
  const { h, say, shortened } = app.elements;

  /** Buttons of the run `name`; `draw(summary, resumed)` shows those that can be used now. */
  function make(name) {
    const said = h("span", { class: "small", role: "status" });
    const failed = h("pre", { class: "card bad", hidden: true });
    const stop = button(
      "Stop and save",
      "stop",
      "It stops after this step, and saves a checkpoint",
    );
    const resume = button(
      "Resume",
      "resume",
      "Starting: it trains again in some seconds",
    );
    const why = h(
      "span",
      { class: "soft small" },
      "Buttons need the address with the token, which the terminal printed.",
    );
    const element = h(
      "div",
      {},
      h("div", { class: "bar" }, stop, resume, said, why),
      failed,
    );

    function button(label, action, done) {
      return h("button", {
        type: "button",
        onclick: async ({ target }) => {
          target.disabled = true;
          say(said, "");
          try {
            await app.server.post(action, { name });
            say(said, done);
          } catch (error) {
            say(said, error.message);
            target.disabled = !app.server.hasToken();
          }
        },
      }, label);
    }

    let last = null;
    function draw({ state }, resumed) {
      if (state !== last) {
        if (last !== null) say(said, "");
        last = state;
        stop.disabled = resume.disabled = !app.server.hasToken();
      }
      stop.hidden = state !== "running";
      resume.hidden = state !== "stopped" && state !== "failed";
      why.hidden = app.server.hasToken() || (stop.hidden && resume.hidden);
      element.hidden = stop.hidden && resume.hidden && said.textContent === "";
      // a run that did not even start says why in its own words
      failed.hidden = resume.hidden || !resumed || resumed.isRunning ||
        resumed.code === 0 || resumed.code === 130;
      if (!failed.hidden) {
        resume.disabled = !app.server.hasToken();
        say(failed, shortened(resumed.output, 3000) || "It was ended.");
      }
    }
    return { element, draw };
  }

  /** A form for other sample prompts. */
  function prompts(name) {
    const text = h("textarea", {
      rows: 4,
      spellcheck: "true",
      "aria-describedby": "prompts-help",
    });
    const said = h("span", { class: "small", role: "status" });
    const send = h("button", { type: "submit" }, "Ask these");
    const form = h(
      "form",
      {
        class: "card prompts",
        onsubmit: async (event) => {
          event.preventDefault();
          try {
            await app.server.post("prompts", {
              name,
              prompts: split(text.value),
            });
            say(
              said,
              "Asked: answers come after the step that runs, and wherever samples are configured",
            );
          } catch (error) {
            say(said, error.message);
          }
        },
      },
      h("label", {}, "Prompts", text),
      h(
        "p",
        { id: "prompts-help", class: "soft small" },
        "One a paragraph: an empty line between two. They are answered now, and take the place of samples.prompts for this run.",
      ),
      h("div", { class: "bar" }, send, said),
    );
    const element = h(
      "details",
      {},
      h("summary", {}, "Ask other prompts"),
      form,
    );
    return {
      element,
      draw({ state }, now) {
        element.hidden = state !== "running";
        send.disabled = !app.server.hasToken();
        if (document.activeElement !== text && text.value === "") {
          text.value = now.join("\n\n");
        }
      },
    };
  }

  function split(text) {
    return text.split(/\n\s*\n/).map((prompt) => prompt.trim()).filter((
      prompt,
    ) => prompt !== "");
  }

  return { make, prompts };
}
