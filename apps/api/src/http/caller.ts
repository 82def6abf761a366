/** The sender of a request, and its rights. Null means no restriction. */
export interface Caller {
  readonly id: string
  readonly scopes: readonly string[]
  readonly namespaces: readonly string[] | null
  readonly prefix: string | null
  /** Requests per window. Null means the default. */
  readonly rateLimit: number | null
}
