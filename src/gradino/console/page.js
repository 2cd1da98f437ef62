"use strict";
// Replaces the sections that the server sends; what the reader has opened stays open, the focus stays where it was.
const lamp = document.getElementById("lamp");
const say = (state, text) => { lamp.dataset.state = state; lamp.textContent = text; };
const source = new EventSource("/events");
source.onopen = () => say("live", "live");
source.onerror = () => say("lost", "reconnecting");
source.addEventListener("section", (event) => {
  const { id, html } = JSON.parse(event.data);
  const old = document.getElementById(id);
  if (!old) return;
  const open = [...old.querySelectorAll("details[open][id]")].map((one) => one.id);
  const focus = old.contains(document.activeElement) ? document.activeElement.closest("[id]")?.id : null;
  old.outerHTML = html;
  for (const one of open) document.getElementById(one)?.setAttribute("open", "");
  if (focus) document.getElementById(focus)?.querySelector("summary, a, input")?.focus();
});
