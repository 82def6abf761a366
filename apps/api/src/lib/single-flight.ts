/** Runs `run`, or joins the run with the same key that is in flight. */
export type SingleFlight<Value> = (key: string, run: () => Promise<Value>) => Promise<Value>

/** Creates a function that lets concurrent calls with the same key share one run and its result, or its error. Nothing is cached. */
export const createSingleFlight = <Value>(): SingleFlight<Value> => {
  const inFlight = new Map<string, Promise<Value>>()
  return (key, run) => {
    const current = inFlight.get(key)
    if (current !== undefined) return current
    const started = run().finally(() => inFlight.delete(key))
    inFlight.set(key, started)
    return started
  }
}

/** Wraps `run` so that concurrent calls share one run and its result, or its error. */
export const singleFlight = <Value>(run: () => Promise<Value>): (() => Promise<Value>) => {
  const share = createSingleFlight<Value>()
  return () => share('', run)
}
