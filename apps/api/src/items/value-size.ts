/** Returns whether a JSON text has more than `bytesMax` bytes in UTF-8. */
export const isLongerThan = (text: string, bytesMax: number): boolean =>
  // A UTF-16 code unit takes at most three bytes.
  text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax
