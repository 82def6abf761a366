/** Functions that are called with something that happens. */
export interface Listeners<T> {
  /** Returns a function that removes the listener. */
  readonly add: (listener: (happened: T) => void) => () => void
  readonly notify: (happened: T) => void
}

/** Creates an empty set of listeners. An error of one does not affect the others: it becomes an unhandled rejection. */
export const createListeners = <T>(): Listeners<T> => {
  const listeners = new Set<{ readonly call: (happened: T) => void }>()
  return {
    add: (call) => {
      const listener = { call }
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    notify: (happened) => {
      for (const { call } of [...listeners]) {
        try {
          call(happened)
        } catch (error) {
          void Promise.reject(error)
        }
      }
    },
  }
}
