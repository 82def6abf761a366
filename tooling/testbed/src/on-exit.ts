const actions = new Set<() => void>()

process.on('exit', () => {
  for (const action of actions) action()
})

/**
 * Has something done should this process end before it is undone, so that nothing that it started is left running. What is done must
 * not wait. Not for signals that nobody handles: those end a process without a word.
 * @returns a function that forgets it
 */
export const onExit = (action: () => void): (() => void) => {
  actions.add(action)
  return () => {
    actions.delete(action)
  }
}
