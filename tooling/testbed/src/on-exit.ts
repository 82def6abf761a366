const actions = new Set<() => void>()

process.on('exit', () => {
  for (const action of actions) action()
})

/**
 * Registers a synchronous cleanup action, such as killing a child process, that runs when this
 * process exits. It does not run if a signal without a handler ends the process.
 * @returns a function that unregisters the action
 */
export const onExit = (action: () => void): (() => void) => {
  actions.add(action)
  return () => {
    actions.delete(action)
  }
}
