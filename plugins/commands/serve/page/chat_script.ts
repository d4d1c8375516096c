/**
 * The script of the page at `/`. What a model or a server says becomes text nodes, never markup.
 * @module
 */

/** JavaScript. */
export const CHAT_SCRIPT: string = `
"use strict";
const get = (id) => document.getElementById(id);
const log = get("log"), form = get("form"), message = get("message"), send = get("send"), stop = get("stop");
const problem = get("problem"), model = get("model");
/** The conversation as it is sent: {role, content}, and what the assistant thought and called. */
let turns = [];
/** Aborts the answer that is being written; null: none is. */
let running = null;

/** Control characters, and those that turn text around, as codes. */
const shown = (text) => text.replace(
  /[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]/g,
  (c) => "\\\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function fail(text) {
  problem.textContent = shown(text).slice(0, 2000);
  problem.hidden = text === "";
}

/** Runs a change of the conversation, and scrolls to its end where the end was seen before. */
function scrolling(change) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  change();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

/** A turn on the page. */
function addTurn(role, name) {
  get("empty").hidden = true;
  const turn = element("article", "turn " + role);
  turn.append(element("p", "who", shown(name)));
  const said = element("p", "said");
  turn.append(said);
  log.append(turn);
  log.scrollTop = log.scrollHeight;
  return { turn, said };
}

/** A part of a turn that is not the answer itself. */
function addPart({ turn, said }, kind, title) {
  const part = element("details", "part " + kind);
  part.open = kind === "call";
  const text = element("pre", "");
  part.append(element("summary", "", title), text);
  turn.insertBefore(part, said);
  return text;
}

const headers = () => {
  const key = get("key").value.trim();
  return key === "" ? {} : { authorization: "Bearer " + key };
};

/** What a server answers that is no success, in words. */
async function problemOf(response) {
  const text = await response.text().catch(() => "");
  let said = text;
  try { said = JSON.parse(text).error.message || text; } catch { /* no JSON */ }
  if (response.status === 401) { get("settings").open = true; get("key").focus(); }
  const after = response.headers.get("retry-after");
  return "The server answers " + response.status + ": " + said + (after ? " (again in " + after + " s)" : "");
}

async function listModels() {
  try {
    const response = await fetch("v1/models", { headers: headers() });
    if (!response.ok) return fail(await problemOf(response));
    const before = model.value;
    const { data } = await response.json();
    model.replaceChildren(...data.map(({ id }) => {
      const option = element("option", "", shown(id));
      option.value = id;
      return option;
    }));
    if (data.some(({ id }) => id === before)) model.value = before;
    fail("");
  } catch (error) {
    fail("The server cannot be reached: " + error.message);
  }
}

/** The events of a stream, as they come. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const lines = held.split(/\\r?\\n/);
    held = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      const data = line.slice(5).trim();
      if (data === "[DONE]") return;
      yield JSON.parse(data);
    }
  }
}

async function answer() {
  running = new AbortController();
  setWriting(true);
  fail("");
  const view = addTurn("assistant", model.value || "model");
  view.turn.classList.add("writing");
  const turn = { role: "assistant", content: "" };
  const calls = [];
  let thoughts = null, callText = null, end = "", lost = "";
  try {
    const system = get("system").value.trim();
    const response = await fetch("v1/chat/completions", {
      method: "POST",
      headers: { ...headers(), "content-type": "application/json" },
      body: JSON.stringify({
        model: model.value,
        messages: [...(system === "" ? [] : [{ role: "system", content: system }]), ...turns],
        temperature: Number(get("temperature").value) || 0,
        max_tokens: Math.max(1, Math.floor(Number(get("tokens").value)) || 512),
        stream: true,
      }),
      signal: running.signal,
    });
    if (!response.ok) throw new Error(await problemOf(response));
    for await (const event of events(response.body)) {
      if (event.error) throw new Error(event.error.message || "The answer failed");
      const choice = event.choices && event.choices[0];
      if (!choice) continue;
      const delta = choice.delta || {};
      if (choice.finish_reason) end = choice.finish_reason;
      scrolling(() => {
        const thought = delta.reasoning_content || delta.reasoning;
        if (thought) {
          thoughts = thoughts || addPart(view, "thoughts", "Thoughts");
          turn.reasoning_content = (turn.reasoning_content || "") + thought;
          thoughts.append(shown(thought));
        }
        for (const piece of delta.tool_calls || []) {
          const at = piece.index || 0;
          const call = calls[at] = calls[at] || { id: piece.id, type: "function", function: { name: "", arguments: "" } };
          call.function.name += (piece.function && piece.function.name) || "";
          call.function.arguments += (piece.function && piece.function.arguments) || "";
          callText = callText || addPart(view, "call", "Tool calls");
          callText.textContent = calls.map((c) => shown(c.function.name + "(" + c.function.arguments + ")")).join("\\n");
        }
        if (delta.content) {
          turn.content += delta.content;
          view.said.append(shown(delta.content));
        }
      });
    }
  } catch (error) {
    if (running.signal.aborted) end = "stopped";
    else lost = error.message;
  }
  view.turn.classList.remove("writing");
  if (calls.length > 0) turn.tool_calls = calls;
  const isEmpty = turn.content === "" && calls.length === 0;
  if (isEmpty && (lost !== "" || end === "stopped")) {
    // without an answer the message goes back to where it was written
    view.turn.remove();
    const last = turns.pop();
    if (log.lastElementChild) log.lastElementChild.remove();
    if (last && message.value === "") message.value = last.content;
    get("empty").hidden = turns.length > 0;
  } else {
    turns.push(turn);
    const said = { stopped: "Stopped.", length: "Cut: it reached the most tokens of an answer." }[end] || "";
    if (said !== "") scrolling(() => view.turn.append(element("p", "end", said)));
  }
  running = null;
  setWriting(false);
  if (lost !== "") fail(lost);
}

function setWriting(is) {
  send.hidden = is;
  stop.hidden = !is;
  get("new").disabled = is;
  log.setAttribute("aria-busy", String(is));
  if (!is && matchMedia("(hover: hover)").matches) message.focus();
  grow();
}

function grow() {
  message.style.height = "auto";
  message.style.height = Math.min(message.scrollHeight + 2, 192) + "px";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const content = message.value;
  if (running || content.trim() === "") return;
  turns.push({ role: "user", content });
  addTurn("user", "You").said.textContent = shown(content);
  message.value = "";
  void answer();
});
message.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
message.addEventListener("input", grow);
stop.addEventListener("click", () => running && running.abort());
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && running) running.abort();
});
get("new").addEventListener("click", () => {
  turns = [];
  for (const turn of log.querySelectorAll(".turn")) turn.remove();
  get("empty").hidden = false;
  fail("");
  message.focus();
});
get("key").addEventListener("change", listModels);
grow();
void listModels();
`;
