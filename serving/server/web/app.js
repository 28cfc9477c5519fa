/** The page: takes pictures in, has each of them answered, and keeps an eye on the server. */

import { ServerError, listModels, predict } from "./api.js";
import { ModelList } from "./models.js";
import { PictureError, prepare } from "./picture.js";
import { Card } from "./results.js";

const POLL_MS = 3_000;
// Decoding a photo takes some 50 MB: few at a time, for phones. Two keep a small server busy.
const WORKERS = 2;
const MAX_ANNOUNCEMENTS = 20;

const page = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((element) => [element.id, element]),
);
const models = new ModelList(page.models);

const waiting = []; // tasks: {file, card, data}; `data` once the picture is prepared
const failed = new Set(); // tasks that can be tried again
let working = 0;
let session = new AbortController(); // ends when the list is cleared

// Pictures

function add(files) {
  if (files.length === 0) return;
  const tasks = [...files].map((file) => ({ file, card: new Card(file.name), data: null }));
  page.results.prepend(...tasks.map((task) => task.card.element));
  enqueue(tasks);
}

function enqueue(tasks) {
  for (const task of tasks) {
    failed.delete(task);
    task.card.showWaiting("Waiting…");
  }
  waiting.push(...tasks);
  while (working < WORKERS && waiting.length > working) work();
  refreshActions();
}

async function work() {
  working += 1;
  for (let task = waiting.shift(); task; task = waiting.shift()) await answer(task, session.signal);
  working -= 1;
}

async function answer(task, signal) {
  const { card } = task;
  try {
    if (task.data === null) {
      card.showWaiting("Reading…");
      const { data, thumbnail } = await prepare(task.file);
      task.data = data;
      card.showThumbnail(thumbnail);
    }
    const choice = models.choice;
    if (choice === null) throw new ServerError("No model is available yet.", { retry: true });
    card.showWaiting("Asking the server…");
    const reply = await predict(choice, task.data, signal);
    task.data = null;
    announce(`${card.name}: ${card.showAnswer(choice.model, reply)}`);
  } catch (error) {
    if (signal.aborted) return;
    await fail(task, error);
  }
  refreshActions();
}

async function fail(task, error) {
  if (!(error instanceof ServerError || error instanceof PictureError)) throw error;
  let sentence = error.message;
  if (error.gone && (await look())) {
    const size = (task.data.size / 1e6).toFixed(1);
    sentence = `The server broke off. The picture may be too large for it (${size} MB).`;
  }
  if (error.retry) failed.add(task);
  task.card.showError(sentence, error.retry ? () => enqueue([task]) : null);
  announce(`${task.card.name}: ${sentence}`);
}

function clear() {
  session.abort();
  session = new AbortController();
  waiting.length = 0;
  failed.clear();
  page.results.replaceChildren();
  refreshActions();
  page.files.focus();
}

function refreshActions() {
  const count = page.results.childElementCount;
  page.empty.hidden = count > 0;
  page.clear.hidden = count === 0;
  page["retry-all"].hidden = failed.size < 2;
  page["retry-all"].textContent = `Try all ${failed.size} failed again`;
}

function announce(text) {
  const line = document.createElement("p");
  line.textContent = text;
  page.announcements.append(line);
  if (page.announcements.childElementCount > MAX_ANNOUNCEMENTS) {
    page.announcements.firstElementChild.remove();
  }
}

// The server

/** Asks for the models. @returns {Promise<boolean>} whether the server answered. */
async function look() {
  try {
    const news = models.show(await listModels());
    if (news) announce(news);
    say("Connected.", "here");
    return true;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    models.forget();
    say(`${error.message} Trying again every ${POLL_MS / 1_000} seconds.`, "gone");
    return false;
  }
}

function say(text, className) {
  page.connection.className = `connection ${className}`;
  // A live region is read out again even if the same text is set.
  if (page.connection.textContent !== text) page.connection.textContent = text;
}

async function watch() {
  if (!document.hidden) await look();
  setTimeout(watch, POLL_MS);
}

// Ways in

page.files.addEventListener("change", () => {
  add([...page.files.files]);
  page.files.value = ""; // else the same file, chosen again, would be no change
});
page.clear.addEventListener("click", clear);
page["retry-all"].addEventListener("click", () => {
  page.files.focus(); // the button disappears
  enqueue([...failed]);
});
document.addEventListener("paste", (event) => add(event.clipboardData.files));
document.addEventListener("dragover", (event) => {
  event.preventDefault(); // else the browser would leave the page and open the file
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) document.body.classList.remove("dragging");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  add(event.dataTransfer.files);
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
});
watch();
