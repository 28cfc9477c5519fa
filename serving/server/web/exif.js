/** Finds out whether a viewer turns a JPEG or PNG file, or changes its colours: TensorFlow does not. */

const ORIENTATION = 0x0112; // EXIF 2.32, section 4.6.4
const SHORT = 3; // a 16-bit value, section 4.6.2
const UPRIGHT = 1;

/** @returns {"jpeg" | "png" | null} by the first bytes, because names and MIME types may lie. */
export function formatOf(bytes) {
  if (startsWith(bytes, 0, "\xff\xd8\xff")) return "jpeg";
  if (startsWith(bytes, 0, "\x89PNG\r\n\x1a\n")) return "png";
  return null;
}

/**
 * The EXIF orientation of a whole file.
 *
 * @param {Uint8Array} bytes JPEG or PNG; anything else is taken for upright.
 * @returns {number} 1 (upright) to 8; 1 where there is none, or a garbled one.
 */
export function orientation(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const start = { jpeg: exifOfJpeg, png: exifOfPng }[formatOf(bytes)]?.(view, bytes);
    return start === undefined ? UPRIGHT : orientationOfTiff(view, start);
  } catch (error) {
    // A file that ends too early: whether its pixels are whole is for the decoder to say.
    if (error instanceof RangeError) return UPRIGHT;
    throw error;
  }
}

/**
 * Whether a whole file bears a colour profile which is not called sRGB.
 *
 * @param {Uint8Array} bytes JPEG or PNG; anything else has none.
 */
export function hasOtherProfile(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const find = { jpeg: profileOfJpeg, png: profileOfPng }[formatOf(bytes)];
    const [start, end] = find?.(view, bytes) ?? [0, 0];
    // Its description is ASCII or, since version 4, UTF-16; in a PNG only the name can be read.
    const text = String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 4096)));
    return end > start && !/s\0?R\0?G\0?B/.test(text);
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** The segments (ITU T.81, B.1.1) in front of the pixels: marker, start of the body, end. */
function* segments(view) {
  for (let at = 2; view.getUint8(at) === 0xff; ) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1; // a marker may be preceded by any number of fill bytes
    } else if (marker === 0xda || marker === 0xd9) {
      return; // start of the pixels, end of the file
    } else {
      const end = at + 2 + view.getUint16(at + 2);
      yield [marker, at + 4, end];
      at = end;
    }
  }
}

function exifOfJpeg(view, bytes) {
  for (const [marker, start] of segments(view)) {
    if (marker === 0xe1 && startsWith(bytes, start, "Exif\0\0")) return start + 6;
  }
  return undefined;
}

function profileOfJpeg(view, bytes) {
  for (const [marker, start, end] of segments(view)) {
    // ICC.1:2022, B.4: with the number of this part, and of all.
    if (marker === 0xe2 && startsWith(bytes, start, "ICC_PROFILE\0")) return [start + 14, end];
  }
  return undefined;
}

/** The name, which ends in a zero; the profile behind it is deflated. */
function profileOfPng(view, bytes) {
  for (let at = 8; !startsWith(bytes, at + 4, "IDAT"); at += 12 + view.getUint32(at)) {
    if (startsWith(bytes, at + 4, "iCCP")) return [at + 8, bytes.indexOf(0, at + 8)];
  }
  return undefined;
}

/** Walks the chunks (PNG 3rd edition, 5.3): length, name, data, checksum. */
function exifOfPng(view, bytes) {
  for (let at = 8; !startsWith(bytes, at + 4, "IEND"); at += 12 + view.getUint32(at)) {
    if (startsWith(bytes, at + 4, "eXIf")) return at + 8;
  }
  return undefined;
}

/** Looks through the first directory (TIFF 6.0, section 2) of what begins at `start`. */
function orientationOfTiff(view, start) {
  const little = view.getUint16(start) === 0x4949; // "II", else "MM"
  const directory = start + view.getUint32(start + 4, little);
  const count = view.getUint16(directory, little);
  for (let index = 0; index < count; index += 1) {
    const entry = directory + 2 + 12 * index;
    if (view.getUint16(entry, little) !== ORIENTATION) continue;
    const value = view.getUint16(entry + 8, little);
    const known = view.getUint16(entry + 2, little) === SHORT && value >= 1 && value <= 8;
    return known ? value : UPRIGHT;
  }
  return UPRIGHT;
}

function startsWith(bytes, at, text) {
  for (let index = 0; index < text.length; index += 1) {
    if (bytes[at + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}
