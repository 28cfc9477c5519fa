/** Turns a file into bytes that TensorFlow decodes to what the viewer sees, and a thumbnail. */

import { formatOf, hasOtherProfile, orientation } from "./exif.js";

const THUMBNAIL = 320; // pixels of the longer side: twice the size in style.css, for dense displays
// Safari on phones refuses larger canvases. A picture beyond it is sent smaller: models look at a
// few hundred pixels.
const MAX_CANVAS_PIXELS = 2 ** 24;

/** The file is no use as a picture. The message is a sentence for the reader. */
export class PictureError extends Error {}

/**
 * Reads a picture.
 *
 * Upright JPEG and PNG files in sRGB stay as they are. All else that the browser can show (WebP,
 * AVIF, GIF, turned photos, ...) is drawn, first frame only, and becomes PNG.
 *
 * @param {File} file
 * @returns {Promise<{data: Blob, thumbnail: HTMLCanvasElement}>}
 * @throws {PictureError} the file cannot be read, is empty, or is nothing the browser can decode.
 */
export async function prepare(file) {
  const bytes = await read(file);
  const bitmap = await decode(file);
  try {
    const passes =
      formatOf(bytes) !== null && orientation(bytes) === 1 && !hasOtherProfile(bytes);
    return {
      data: passes ? file : await toPng(bitmap),
      thumbnail: draw(bitmap, Math.min(1, THUMBNAIL / Math.max(bitmap.width, bitmap.height))),
    };
  } finally {
    bitmap.close(); // its pixels are not left to the garbage collector: a photo has 50 MB of them
  }
}

async function read(file) {
  let buffer;
  try {
    buffer = await file.arrayBuffer();
  } catch {
    throw new PictureError("The file cannot be read. Is it a folder, or was it moved or changed?");
  }
  if (buffer.byteLength === 0) throw new PictureError("The file is empty. Choose another one.");
  return new Uint8Array(buffer);
}

async function decode(file) {
  try {
    // The EXIF orientation is obeyed, and colours are converted to sRGB, as the client does.
    return await createImageBitmap(file);
  } catch {
    throw new PictureError(
      "This is no picture that the browser can read: it is damaged, or of another kind. " +
        "Save it as JPEG or PNG.",
    );
  }
}

function draw(bitmap, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d", { alpha: false });
  if (context === null) throw new PictureError("The browser has no memory for this picture.");
  // What is transparent is shown on white, as everywhere: models take three channels.
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

async function toPng(bitmap) {
  const scale = Math.min(1, Math.sqrt(MAX_CANVAS_PIXELS / (bitmap.width * bitmap.height)));
  const canvas = draw(bitmap, scale);
  const png = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (png === null) throw new PictureError("The browser has no memory for this picture.");
  return png;
}
