import { get } from 'node:http'

/** A server-sent event. A heartbeat has an id and no type. */
export interface ServerEvent {
  readonly id: string | undefined
  readonly type: string | undefined
  readonly data: string
}

const parseEvent = (block: string): ServerEvent => {
  const fields = new Map<string, string[]>()
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? []
    fields.set(name, [...(fields.get(name) ?? []), value])
  }
  return { id: fields.get('id')?.[0], type: fields.get('event')?.[0], data: (fields.get('data') ?? []).join('\n') }
}

/** An open stream. */
export interface OpenStream {
  /** Resolves when the connection is closed, with the status of the response or undefined if there was none. */
  readonly closed: Promise<number | undefined>
  /** Closes the connection at once. No event is passed on after that. */
  readonly cut: () => void
}

/** Opens an event stream and calls `onEvent` with each complete event. It is independent of the client library. */
export const openStream = (url: string, headers: Record<string, string>, onEvent: (event: ServerEvent) => void): OpenStream => {
  let isCut = false
  const request = get(url, { headers, agent: false })
  const closed = new Promise<number | undefined>((resolve) => {
    request.on('error', () => resolve(undefined))
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
        for (let end = text.indexOf('\n\n'); end !== -1 && !isCut; end = text.indexOf('\n\n')) {
          const block = text.slice(0, end)
          text = text.slice(end + 2)
          onEvent(parseEvent(block))
        }
      })
      response.on('error', () => {})
      response.on('close', () => resolve(response.statusCode))
    })
  })
  return {
    closed,
    cut: () => {
      isCut = true
      request.destroy()
    },
  }
}
