// Times in the zone of the browser, and buttons that copy. Everything else works without this.
(() => {
  "use strict";
  const units = [[86400, "d"], [3600, "h"], [60, "min"]];
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

  function span(seconds) {
    const [size, unit] = units.find(([size]) => seconds >= size);
    return `${Math.floor(seconds / size)} ${unit}`;
  }

  function ago(moment) {
    const seconds = (Date.now() - moment) / 1000;
    if (Math.abs(seconds) < 60) return "just now";
    return seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
  }

  // The page was drawn by the clock of the gateway; a wrong clock here must not make it wrong.
  const drawn = Date.now();

  function show(within) {
    for (const time of within.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      time.title = exact.format(moment);
      if ("ago" in time.dataset && Date.now() - drawn > 30000) time.textContent = ago(moment);
    }
    for (const button of within.querySelectorAll("button[data-copy]")) {
      button.hidden = !navigator.clipboard;
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });

  // A file that is too large for one form goes in parts, which are then loaded as one file.
  const PART = 4 * 1024 * 1024;

  async function send(to, fields, file) {
    const body = file ? new FormData() : new URLSearchParams();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    if (file) body.append("file", file, "part");
    const answer = await fetch(to, { method: "POST", body });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer;
  }

  async function sendInParts(form, file) {
    const [bar, said] = [form.querySelector("progress"), form.querySelector("[role=status]")];
    const token = form.elements.token.value;
    bar.hidden = false;
    try {
      const begun = await send(form.dataset.upload, { token, name: file.name, bytes: file.size });
      const { id } = await begun.json();
      for (let start = 0, number = 1; start < file.size; start += PART, number += 1) {
        said.textContent = `${Math.floor((100 * start) / file.size)} % sent`;
        bar.value = start / file.size;
        await send(`${form.dataset.upload}/${id}/parts`, { token, number }, file.slice(start, start + PART));
      }
      form.elements.upload.value = id;
      form.elements.file.disabled = true;
      form.submit();
    } catch (error) {
      bar.hidden = true;
      said.textContent = `It was not sent (${error.message}). Try again, or use the command "upload".`;
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-upload]");
    const file = form?.elements.file.files[0];
    if (!file || file.size <= PART) return;
    event.preventDefault();
    sendInParts(form, file);
  });

  // A zone shows that what is held over it can be dropped; the input in it takes the file.
  for (const [kind, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    document.addEventListener(kind, (event) => event.target.closest?.(".drop")?.classList.toggle("over", over));
  }

  document.addEventListener("change", (event) => {
    const [file, name] = [event.target.files?.[0], event.target.form?.elements.name];
    if (file && name && !name.value) name.value = file.name.replace(/\.[^.]*$/, "") || file.name;
  });

  // On a narrow screen the areas scroll sideways.
  document.querySelector("[aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

  // The address has what was searched for: it can be sent to others, and survives a reload.
  function address(form) {
    const asked = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    const query = asked.toString();
    history.replaceState(null, "", form.getAttribute("action") + (query ? `?${query}` : ""));
  }

  show(document);
  setInterval(() => show(document), 30000);
  document.addEventListener("htmx:after:swap", (event) => {
    show(document);
    const form = event.detail?.ctx?.sourceElement;
    if (form?.matches?.("form[role=search]")) address(form);
  });
})();
