/** Finds out whether a viewer has to turn a JPEG or PNG file: TensorFlow's decoders do not. */

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

/** Walks the segments (ITU T.81, B.1.1) in front of the pixels. */
function exifOfJpeg(view, bytes) {
  for (let at = 2; view.getUint8(at) === 0xff; ) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1; // a marker may be preceded by any number of fill bytes
    } else if (marker === 0xda || marker === 0xd9) {
      return undefined; // start of the pixels, end of the file
    } else if (marker === 0xe1 && startsWith(bytes, at + 4, "Exif\0\0")) {
      return at + 10;
    } else {
      at += 2 + view.getUint16(at + 2);
    }
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
