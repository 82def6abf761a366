type Scalar = string | number | bigint | boolean | null | Date | { toJSON(...name: never[]): unknown }

type NotJson =
  | undefined
  | symbol
  | ((...args: never[]) => unknown)
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | WeakMap<WeakKey, unknown>
  | WeakSet<WeakKey>
  | PromiseLike<unknown>
  | RegExp
  | ArrayBuffer
  | ArrayBufferView

/**
 * `T`, with `never` for each part that is not JSON, so that the compiler reports it. Accepts interfaces. Accepts `unknown` and `any`,
 * because values are also checked when they are written.
 */
export type JsonOnly<T> = unknown extends T
  ? T
  : T extends ArrayBufferView
    ? never
    : T extends Scalar
      ? T
      : T extends NotJson
        ? never
        : T extends readonly unknown[]
          ? { [Index in keyof T]: JsonOnly<T[Index]> }
          : T extends object
            ? { [Name in keyof T]: undefined extends T[Name] ? JsonOnly<Exclude<T[Name], undefined>> | undefined : JsonOnly<T[Name]> }
            : T

/** The values that a method accepts: JSON, or the input of the schema of `client.typed(schema)`. */
export type Writable<In, Value> = unknown extends In ? Value & JsonOnly<Value> : In
