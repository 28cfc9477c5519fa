/** The server's REST API (TensorFlow Serving's, and `models`). Failures become sentences. */

import { megabytes } from "./dom.js";

const LIST_TIMEOUT_MS = 5_000;
const PREDICT_TIMEOUT_MS = 120_000;
const UNKNOWN = "unknown"; // the answer of a model that no class is sure enough for
const MAX_SHOWN_TEXT = 300; // characters of a server's error: some are a page long

/**
 * The server did not answer as hoped. The message is a sentence for the reader.
 *
 * `retry`: the same request may succeed later. `gone`: nothing answers at the address.
 */
export class ServerError extends Error {
  constructor(sentence, { retry = false, gone = false } = {}) {
    super(sentence);
    this.retry = retry;
    this.gone = gone;
  }
}

/**
 * @returns {Promise<Array<{name: string, labels: Object<string, number>,
 *   versions: Array<{version: string, state: string, error: string, pushed: number | null,
 *   accuracy: number | null, pictures: number | null}>}>>} newest versions first; `pushed` in
 *   seconds since 1970, `accuracy` in [0, 1] on as many `pictures`, null where nobody knows.
 */
export async function listModels() {
  const response = await request("models", {}, LIST_TIMEOUT_MS);
  const { models } = await json(response);
  if (!response.ok || !Array.isArray(models)) {
    throw new ServerError(`The server does not list its models (HTTP ${response.status}).`);
  }
  return models;
}

/**
 * Asks for the labels of one picture.
 *
 * @param {{model: string, version: string | null}} choice null: the version the server prefers.
 * @param {Blob} picture an encoded picture.
 * @param {AbortSignal} signal gives up, with an AbortError.
 * @returns {Promise<{ranking: Array<{label: string, score: number}>, version: string | null,
 *   milliseconds: number}>} best first; time from sending to the whole answer.
 * @throws {ServerError}
 */
export async function predict({ model, version }, picture, signal) {
  const which = version === null ? "" : `/versions/${encodeURIComponent(version)}`;
  const instance = `{"b64":"${await base64(picture)}"}`;
  // Joined by the browser: one string of a large picture's size is enough.
  const body = new Blob(['{"instances":[', instance, "]}"], { type: "application/json" });
  const started = performance.now();
  const response = await request(
    `v1/models/${encodeURIComponent(model)}${which}:predict`,
    { method: "POST", body, signal },
    PREDICT_TIMEOUT_MS,
  );
  const answer = await json(response);
  const milliseconds = performance.now() - started;
  if (!response.ok) throw refusal(response.status, String(answer.error ?? ""), picture.size);
  return {
    ranking: rank(answer, model),
    version: response.headers.get("X-Model-Version"),
    milliseconds,
  };
}

async function request(path, options, timeout) {
  const patience = AbortSignal.timeout(timeout);
  const signal = options.signal ? AbortSignal.any([options.signal, patience]) : patience;
  try {
    return await fetch(path, { cache: "no-store", ...options, signal });
  } catch (error) {
    throw failure(error);
  }
}

async function json(response) {
  let text;
  try {
    text = await response.text();
  } catch (error) {
    throw failure(error);
  }
  try {
    return JSON.parse(text);
  } catch {
    if (!response.ok) return {}; // the status says enough
    throw new ServerError("The server sent something else than JSON. Is it another server?");
  }
}

function failure(error) {
  if (error.name === "AbortError") return error;
  if (error.name === "TimeoutError") {
    return new ServerError("The server took too long to answer.", { retry: true });
  }
  return new ServerError("The server cannot be reached.", { retry: true, gone: true });
}

function refusal(status, text, bytes) {
  const said = text.split(/\s*\[\[/)[0].trim().slice(0, MAX_SHOWN_TEXT); // less the graph's nodes
  const because = said ? `: ${said}` : ` (HTTP ${status}).`;
  if (status === 503 || status === 429) {
    return new ServerError("The server is busy. Try again in a moment.", { retry: true });
  }
  if (status === 413) {
    return new ServerError(
      `The picture is too large for the server (${megabytes(bytes)}). Make it smaller.`,
    );
  }
  if (status === 504) return new ServerError("The server took too long.", { retry: true });
  if (status === 404) {
    return new ServerError(`This model is not served now${because}`, { retry: true });
  }
  if (status >= 500) return new ServerError(`The server failed${because}`, { retry: true });
  return new ServerError(`The server cannot use this picture${because}`);
}

function rank(answer, model) {
  const { scores, labels, label } = answer.predictions?.[0] ?? {};
  if (!Array.isArray(scores) || !Array.isArray(labels) || scores.length !== labels.length) {
    throw new ServerError(`${model} does not answer with scores and labels. Choose another model.`);
  }
  const ranking = scores
    .map((score, index) => ({ label: String(labels[index]), score: Number(score) }))
    .sort((one, other) => other.score - one.score);
  // No class is sure enough: as `bitpipe predict` tells it.
  if (label === UNKNOWN && ranking.length && ranking[0].label !== UNKNOWN) {
    ranking.unshift({ label, score: ranking[0].score });
  }
  return ranking;
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () =>
      reject(new ServerError("The file cannot be read any more. Choose it again."));
    reader.readAsDataURL(blob);
  });
}
