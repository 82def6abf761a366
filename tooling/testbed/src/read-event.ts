/** Reads a response of server-sent events up to its first event, and closes it. */
export const readEvent = async ({ body }: Response): Promise<string> => {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    if (/^event: .*\n(?:data: .*\n)*\n/m.test(text)) break
  }
  return text
}
