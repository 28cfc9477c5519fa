/** The answers as a file, with the columns that `bitpipe predict --format csv` writes. */

import { LABELS } from "./results.js";

const LINE = "\r\n"; // RFC 4180

/**
 * The CSV of all cards that have an answer or an error.
 *
 * @param {Iterable<import("./results.js").Card>} cards
 * @returns {string} header and records; without a header where there are none.
 */
export function csv(cards) {
  const records = [...cards].filter((card) => card.outcome !== null).map(record);
  if (records.length === 0) return "";
  const ranks = Array.from({ length: LABELS }, (_, index) => index + 1);
  const best = ranks.flatMap((rank) => [`label_${rank}`, `score_${rank}`]);
  return [["file", "model_version", "error", ...best], ...records].map(line).join("");
}

/** Lets the browser save a text as a file. */
export function save(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href)); // once the browser has taken it
}

function record({ name, outcome }) {
  const { ranking = [], version, error } = outcome;
  const best = ranking.slice(0, LABELS).flatMap(({ label, score }) => [label, digits(score)]);
  const empty = Array(2 * LABELS - best.length).fill("");
  return [name, version ?? "", error ?? "", ...best, ...empty];
}

/** The digits that a float32 has; none for NaN. */
function digits(score) {
  return Number.isFinite(score) ? String(Number(score.toPrecision(7))) : "";
}

function line(cells) {
  return cells.map(cell).join(",") + LINE;
}

function cell(value) {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
