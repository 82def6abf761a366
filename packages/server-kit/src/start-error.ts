/** An error that prevents startup. Its message is one line that names the setting and what it expects. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
