/**
 * The page at `/`: a conversation with what is served, by the same requests that any client sends.
 * @module
 */
import { html } from "../../pages/html.ts";
import { page } from "../../pages/page.ts";
import { CHAT_SCRIPT } from "./chat_script.ts";
import { CHAT_STYLE } from "./chat_style.ts";

/** The page. It needs no other file, and its policy allows no address but the server's own. */
export function chatPage(): string {
  return [...page({
    title: "denotune chat",
    style: CHAT_STYLE,
    script: CHAT_SCRIPT,
    connects: true,
    body: [html`
      <header>
        <h1>denotune</h1>
        <label class="model"><span class="soft small">Model</span>
          <select id="model" aria-label="Model"></select></label>
        <button id="new" type="button">New</button>
      </header>
      <details id="settings" class="settings">
        <summary>Settings</summary>
        <div class="fields">
          <label class="wide">System prompt
            <textarea id="system" rows="2" placeholder="None"></textarea></label>
          <label>Temperature
            <input id="temperature" type="number" min="0" max="2" step="0.1" value="0" inputmode="decimal"></label>
          <label>Tokens of an answer
            <input id="tokens" type="number" min="1" step="1" value="512" inputmode="numeric"></label>
          <label class="wide" id="key-field">Key of the server
            <input id="key" type="password" autocomplete="off" spellcheck="false" placeholder="None"></label>
        </div>
      </details>
      <main id="log" role="log" aria-live="polite" aria-label="Conversation"
        tabindex="0">
        <p id="empty"
          class="soft">Write a message below. Nothing is kept when this page is closed.</p>
      </main>
      <p id="problem" class="problem bad" role="alert" hidden></p>
      <form id="form">
        <textarea id="message" rows="1" placeholder="Message" aria-label="Message"
          autocomplete="off"
          enterkeyhint="send" autofocus></textarea>
        <button id="send" type="submit">Send</button>
        <button id="stop" type="button" hidden>Stop</button>
        <p
          class="soft small hint">Enter sends, Shift+Enter begins a line, Esc stops.</p>
      </form>
    `],
  })].join("");
}
