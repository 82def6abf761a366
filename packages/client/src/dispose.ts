/** `Symbol.asyncDispose`, or the symbol that `await using` uses when it is compiled for older runtimes. */
export const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')
