/** The page: takes pictures in, has each of them answered, and keeps an eye on the server. */

import { ServerError, listModels, predict } from "./api.js";
import { csv, save } from "./csv.js";
import { announce, megabytes, say } from "./dom.js";
import { ModelList } from "./models.js";
import { PictureError, prepare } from "./picture.js";
import { Card } from "./results.js";

const POLL_MS = 3_000;
// Decoding a photo takes some 50 MB: few at a time, for phones. Two keep a small server busy.
const WORKERS = 2;

const page = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((element) => [element.id, element]),
);
const models = new ModelList(page.models);

let cards = []; // as shown, the newest first
const waiting = []; // tasks: {file, card, data}; `data` once the picture is prepared
const failed = new Set(); // tasks that can be tried again
let working = 0;
let session = new AbortController(); // ends when the list is cleared

// Pictures

function add(files) {
  if (files.length === 0) return;
  const tasks = [...files].map((file) => ({ file, card: new Card(file.name), data: null }));
  cards = [...tasks.map((task) => task.card), ...cards];
  page.results.prepend(...tasks.map((task) => task.card.element));
  enqueue(tasks);
}

function enqueue(tasks) {
  for (const task of tasks) {
    failed.delete(task);
    task.card.showWaiting("Waiting…");
  }
  waiting.push(...tasks);
  while (working < WORKERS && waiting.length > 0) work();
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
    announce(page.announcements, `${card.name}: ${card.showAnswer(choice.model, reply)}`);
  } catch (error) {
    const sentence = await explain(error, task);
    if (signal.aborted) return; // the card is no longer there
    if (!(error instanceof ServerError || error instanceof PictureError)) console.error(error);
    if (error.retry) failed.add(task);
    card.showError(sentence, error.retry ? () => enqueue([task]) : null);
    announce(page.announcements, `${card.name}: ${sentence}`);
  }
  refreshActions();
}

async function explain(error, task) {
  if (error.gone && (await look())) {
    const size = megabytes(task.data.size);
    return `The server broke off. The picture may be too large for it (${size}).`;
  }
  return error.message;
}

function clear() {
  session.abort();
  session = new AbortController();
  waiting.length = 0;
  failed.clear();
  cards = [];
  page.results.replaceChildren();
  refreshActions();
  page.files.focus();
}

function refreshActions() {
  page.empty.hidden = cards.length > 0;
  page.clear.hidden = cards.length === 0;
  page.save.hidden = !cards.some((card) => card.outcome?.ranking);
  page["retry-all"].hidden = failed.size < 2;
  page["retry-all"].textContent = `Try all ${failed.size} failed again`;
}

// The server

/** Asks for the models. @returns {Promise<boolean>} whether the server answered. */
async function look() {
  try {
    const news = models.show(await listModels());
    if (news) announce(page.announcements, news);
    say(page.connection, "Connected.", "connection here");
    return true;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    models.forget();
    const sentence = `${error.message} Trying again every ${POLL_MS / 1_000} seconds.`;
    say(page.connection, sentence, "connection gone");
    return false;
  }
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
page.save.addEventListener("click", () => save(csv(cards), "answers.csv"));
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
