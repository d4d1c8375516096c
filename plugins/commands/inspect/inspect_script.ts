/**
 * The script of the page of examples: plain JavaScript for any browser of the last years. All text of the
 * data goes in as text nodes, never as markup.
 * @module
 */

/** JavaScript. */
export const INSPECT_SCRIPT: string = String.raw`"use strict";
(function () {
  var PER_PAGE = 20;
  var byId = function (id) { return document.getElementById(id); };
  var make = function (name, className, text) {
    var element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  var spread = function (runs) {
    var all = [];
    runs.forEach(function (run) { for (var n = run[1]; n > 0; n--) all.push(run[0]); });
    return all;
  };
  var examples = Array.from(document.querySelectorAll("script.e"), function (node, index) {
    var e = JSON.parse(node.textContent);
    node.remove();
    var trained = 0, padding = 0;
    e.w.forEach(function (run) { if (run[0] > 0) trained += run[1]; });
    e.s.forEach(function (run) { if (run[0] === 0) padding += run[1]; });
    e.index = index;
    e.trained = trained;
    e.padding = padding;
    e.length = e.x.length - padding;
    e.lower = null;
    return e;
  });
  var roles = new Set();
  examples.forEach(function (e) { e.r.forEach(function (run) { if (run[0] !== "") roles.add(run[0]); }); });
  Array.from(roles).sort().forEach(function (role) {
    var option = make("option", "", role);
    option.value = role;
    byId("role").append(option);
  });
  Array.from(byId("flag").options).forEach(function (option) {
    if (option.value === "") return;
    var n = examples.filter(function (e) { return e.f.includes(option.value); }).length;
    option.textContent += " (" + n + ")";
    option.disabled = n === 0;
  });

  var shown = examples, at = 0;
  var group = function (n) { return n.toLocaleString("en-US"); };
  var visible = function (text) {
    return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, function (c) {
      return "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0");
    });
  };
  var oneLine = function (text) { return visible(text.replace(/\n/g, "\u21b5").replace(/\t/g, "\u21e5")); };

  function filter() {
    var text = byId("text").value.toLowerCase(), flag = byId("flag").value, role = byId("role").value, order = byId("order").value;
    shown = examples.filter(function (e) {
      if (flag !== "" && !e.f.includes(flag)) return false;
      if (role !== "" && !e.r.some(function (run) { return run[0] === role; })) return false;
      if (text === "") return true;
      if (e.lower === null) e.lower = e.x.join("").toLowerCase();
      return e.lower.includes(text) || e.t.toLowerCase().includes(text);
    });
    if (order === "longest") shown = shown.slice().sort(function (a, b) { return b.length - a.length || a.index - b.index; });
    if (order === "least") shown = shown.slice().sort(function (a, b) { return a.trained / (a.length || 1) - b.trained / (b.length || 1) || a.index - b.index; });
    at = 0;
    draw();
  }

  function draw() {
    var list = byId("examples"), role = byId("role").value, text = byId("text").value.toLowerCase();
    list.replaceChildren.apply(list, shown.slice(at, at + PER_PAGE).map(function (e) { return drawExample(e, role, text); }));
    byId("count").textContent = shown.length === examples.length
      ? group(examples.length) + " examples"
      : group(shown.length) + " of " + group(examples.length) + " examples";
    byId("place").textContent = shown.length === 0 ? "none" : group(at + 1) + " to " + group(Math.min(shown.length, at + PER_PAGE));
    byId("before").disabled = at === 0;
    byId("after").disabled = at + PER_PAGE >= shown.length;
  }

  function detailsOf(e) {
    if (e.details) return e.details;
    var segments = spread(e.s), positions = e.p;
    if (!positions) {
      var last = -1, p = 0;
      positions = segments.map(function (s) { p = s === last ? p + 1 : 0; last = s; return s === 0 ? 0 : p; });
    }
    e.details = { w: spread(e.w), r: spread(e.r), s: segments, p: positions, k: new Set(e.k) };
    return e.details;
  }

  function classOf(d, i) {
    return d.s[i] === 0 ? "pad" : (d.w[i] > 0 ? (d.w[i] === 1 ? "trained" : "weighted") : "context") + (d.k.has(i) ? " straddle" : "");
  }

  function drawExample(e, role, text) {
    var d = detailsOf(e);
    var article = make("article", "card example");
    var header = make("header");
    header.append(make("h3", "", e.t));
    header.append(make("span", "small soft", group(e.length) + " tokens, " + group(e.trained) + " trained" + (e.padding > 0 ? ", " + group(e.padding) + " padding" : "")));
    e.f.forEach(function (flag) { header.append(make("span", "badge " + (flag === "straddle" ? "note" : "warning"), flag)); });
    if (e.n !== null) header.append(make("span", "small soft", e.n));
    var toggle = make("button", "", "table");
    toggle.type = "button";
    header.append(toggle);
    var flow = drawFlow(e, d, role, text), table = null;
    toggle.addEventListener("click", function () {
      var isTable = toggle.textContent === "text";
      if (table === null) table = drawTable(e, d);
      (isTable ? table : flow).replaceWith(isTable ? flow : table);
      toggle.textContent = isTable ? "table" : "text";
    });
    article.append(header);
    if (e.d !== undefined) {
      var record = make("details", "record"), source = make("pre", "mono");
      record.append(make("summary", "small soft", "the row as it is in the data"), source);
      record.addEventListener("toggle", function () { source.textContent = record.open ? visible(e.d) : ""; });
      article.append(record);
    }
    article.append(flow);
    return article;
  }

  function drawFlow(e, d, role, text) {
    var flow = make("div", "tokens");
    flow.tabIndex = 0;
    flow.setAttribute("role", "group");
    flow.setAttribute("aria-label", "tokens of " + e.t + "; arrow keys go through them");
    var end = e.x.length, pad = d.s.indexOf(0);
    if (pad !== -1 && d.s.lastIndexOf(0) === end - 1 && d.s.slice(pad).every(function (s) { return s === 0; })) end = pad;
    var hits = hitsOf(e, text);
    for (var i = 0; i < end; i++) {
      var span = make("span", "tok " + classOf(d, i));
      if (i > 0 && d.s[i] !== d.s[i - 1]) span.className += " border";
      if (role !== "" && d.r[i] !== role) span.className += " other";
      span.dataset.i = String(i);
      if (hits !== null && hits[i]) span.className += " hit";
      fill(span, e.x[i]);
      flow.append(span);
    }
    if (end < e.x.length) flow.append(make("span", "pad", " " + group(e.x.length - end) + " places of padding"));
    var chosen = -1;
    var choose = function (i, scroll) {
      if (i < 0 || i >= end) return;
      if (chosen >= 0) flow.children[chosen].classList.remove("at");
      chosen = i;
      flow.children[i].classList.add("at");
      if (scroll) flow.children[i].scrollIntoView({ block: "nearest" });
      tell(e, d, i);
    };
    ["mouseover", "click"].forEach(function (name) {
      flow.addEventListener(name, function (event) {
        var span = event.target.closest(".tok");
        if (span !== null) choose(Number(span.dataset.i), false);
      });
    });
    flow.addEventListener("keydown", function (event) {
      var step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10, Home: -1e9, End: 1e9 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      choose(Math.max(0, Math.min(end - 1, chosen + step)), true);
    });
    return flow;
  }

  // tokens that hold a character of the text that is looked for
  function hitsOf(e, text) {
    var all = e.x.join(""), lower = all.toLowerCase();
    if (text === "" || lower.length !== all.length) return null;
    var hits = e.x.map(function () { return false; }), i = 0, start = 0;
    for (var hit = lower.indexOf(text); hit !== -1; hit = lower.indexOf(text, hit + text.length)) {
      while (start + e.x[i].length <= hit) start += e.x[i++].length;
      for (var j = i, s = start; j < e.x.length && s < hit + text.length; s += e.x[j++].length) hits[j] = e.x[j] !== "";
    }
    return hits;
  }

  function fill(span, token) {
    if (token === "") { span.append(make("span", "c", "\u25e6")); return; }
    token.split(/(\n|\t)/).forEach(function (part) {
      if (part === "\n") span.append(make("span", "c", "\u21b5"), "\n");
      else if (part === "\t") span.append(make("span", "c", "\u21e5"), "\t");
      else span.append(visible(part));
    });
  }

  function tell(e, d, i) {
    var bar = byId("bar");
    bar.replaceChildren();
    [["token", String(i)], ["id", String(e.i[i])], ["weight", String(d.w[i])], ["role", d.r[i] || "-"], ["segment", String(d.s[i])], ["position", String(d.p[i])]].forEach(function (pair) {
      var item = make("span", "", pair[0] + " ");
      item.append(make("b", "", pair[1]));
      bar.append(item);
    });
    bar.append(make("span", "mono", JSON.stringify(oneLine(e.x[i]))));
  }

  function drawTable(e, d) {
    var box = make("div", "tokentable"), table = make("table"), head = make("tr");
    box.tabIndex = 0;
    ["token", "text", "id", "weight", "role", "segment", "position"].forEach(function (name) { head.append(make("th", name === "text" || name === "role" ? "" : "n", name)); });
    var thead = make("thead"), body = make("tbody");
    thead.append(head);
    for (var i = 0; i < e.x.length; i++) {
      var row = make("tr", classOf(d, i));
      row.append(make("td", "n", String(i)), make("td", "mono", oneLine(e.x[i])));
      [e.i[i], d.w[i]].forEach(function (n) { row.append(make("td", "n", String(n))); });
      row.append(make("td", "", d.r[i] || "-"));
      row.append(make("td", "n", String(d.s[i])), make("td", "n", String(d.p[i])));
      body.append(row);
    }
    table.append(thead, body);
    box.append(table);
    return box;
  }

  byId("controls").addEventListener("submit", function (event) { event.preventDefault(); });
  var waiting = 0;
  byId("text").addEventListener("input", function () { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  ["flag", "role", "order"].forEach(function (id) { byId(id).addEventListener("change", filter); });
  byId("before").addEventListener("click", function () { at = Math.max(0, at - PER_PAGE); draw(); scrollTo(0, 0); });
  byId("after").addEventListener("click", function () { at += PER_PAGE; draw(); scrollTo(0, 0); });
  draw();
})();
`;
