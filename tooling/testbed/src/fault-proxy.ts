import { connect, createServer, type Server, type Socket } from 'node:net'

/** The proxy's action for one request. The proxy handles each request on a separate connection. */
export type Fault =
  /** Forwards the request and the response. */
  | { readonly kind: 'pass'; readonly delayMs?: number }
  /** Resets the connection after the complete request arrived. The service never receives it. */
  | { readonly kind: 'cut before' }
  /** Forwards the request, discards the response and resets the connection. */
  | { readonly kind: 'cut after' }
  /** Forwards the first `bytes` bytes of the response body and then closes the connection. */
  | { readonly kind: 'truncate'; readonly bytes: number; readonly end?: 'cut' | 'half-close' }
  /** Never responds. `forward`: the service receives the request. */
  | { readonly kind: 'black hole'; readonly forward: boolean }
  /** Sends these bytes and then nothing. The connection stays open. */
  | { readonly kind: 'stall'; readonly bytes: string }
  /** Sends a response of its own. `forward`: the service processes the request first. */
  | {
      readonly kind: 'respond'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      /** The body, or a function that returns it for the path of the request. */
      readonly body?: string | ((path: string) => string)
      readonly forward?: boolean
    }

/** A request that the proxy received. */
export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly headers: Headers
  readonly body: string
  /** When the request was complete, as a `performance.now()` timestamp. */
  readonly at: number
  /** Returns when the connection was closed, or undefined while it is open. */
  readonly closedAt: () => number | undefined
}

export interface FaultProxy {
  readonly url: string
  /** All requests received so far. */
  readonly requests: ReceivedRequest[]
  /** Queues faults for the next requests, one each. Requests beyond the queue are passed. */
  readonly plan: (...faults: readonly Fault[]) => void
  readonly close: () => Promise<void>
}

const endOfHead = '\r\n\r\n'

/** Parses a request. Returns undefined while it is incomplete. */
const parseRequest = (bytes: Buffer): Omit<ReceivedRequest, 'at' | 'closedAt'> | undefined => {
  const end = bytes.indexOf(endOfHead)
  if (end === -1) return undefined
  const [line = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const headers = new Headers(lines.map((header) => [header.slice(0, header.indexOf(':')), header.slice(header.indexOf(':') + 1).trim()]))
  const body = bytes.subarray(end + endOfHead.length)
  if (body.length < Number(headers.get('content-length') ?? 0)) return undefined
  const [method = '', path = ''] = line.split(' ')
  return { method, path, headers, body: body.toString() }
}

/** Sets `Connection: close` on a request, so that each request uses a separate connection. */
const withConnectionClose = (bytes: Buffer): Buffer => {
  const end = bytes.indexOf(endOfHead)
  const head = bytes
    .subarray(0, end)
    .toString('latin1')
    .replace(/\r\nconnection:[^\r]*/i, '')
  return Buffer.concat([Buffer.from(`${head}\r\nconnection: close${endOfHead}`, 'latin1'), bytes.subarray(end + endOfHead.length)])
}

const responseText = ({ status, headers = {}, body: bodyOption = '' }: Extract<Fault, { kind: 'respond' }>, path: string): string => {
  const body = typeof bodyOption === 'string' ? bodyOption : bodyOption(path)
  const length = status === 204 || status === 304 ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const all = { ...length, connection: 'close', ...headers }
  return [`HTTP/1.1 ${status} Proxy`, ...Object.entries(all).map(([name, value]) => `${name}: ${value}`), '', body].join('\r\n')
}

/** Forwards a request and returns the complete response. */
const forward = (target: URL, bytes: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const upstream = connect(Number(target.port), target.hostname, () => upstream.write(withConnectionClose(bytes)))
    const chunks: Buffer[] = []
    upstream.on('data', (chunk: Buffer) => chunks.push(chunk))
    upstream.on('end', () => resolve(Buffer.concat(chunks)))
    upstream.on('error', reject)
  })

const perform = async (fault: Fault, bytes: Buffer, client: Socket, target: URL): Promise<void> => {
  switch (fault.kind) {
    case 'pass':
      await new Promise((resolve) => setTimeout(resolve, fault.delayMs ?? 0))
      client.end(await forward(target, bytes))
      return
    case 'cut before':
      client.resetAndDestroy()
      return
    case 'cut after':
      await forward(target, bytes)
      client.resetAndDestroy()
      return
    case 'truncate': {
      const response = await forward(target, bytes)
      const part = response.subarray(0, response.indexOf(endOfHead) + endOfHead.length + fault.bytes)
      if (fault.end === 'half-close') client.end(part)
      else client.write(part, () => client.destroy())
      return
    }
    case 'black hole':
      if (fault.forward) await forward(target, bytes)
      return
    case 'stall':
      client.write(fault.bytes)
      return
    case 'respond':
      if (fault.forward) await forward(target, bytes)
      client.end(responseText(fault, parseRequest(bytes)?.path ?? ''))
  }
}

/** Starts a proxy for the service at `targetUrl` that injects the planned faults. */
export const startFaultProxy = async (targetUrl: string): Promise<FaultProxy> => {
  const target = new URL(targetUrl)
  const requests: ReceivedRequest[] = []
  const planned: Fault[] = []
  const clients = new Set<Socket>()
  const server: Server = createServer((client) => {
    let bytes = Buffer.alloc(0)
    let closedAt: number | undefined
    let received = false
    clients.add(client)
    client.on('error', () => {})
    client.on('close', () => {
      closedAt = performance.now()
      clients.delete(client)
    })
    client.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      const request = parseRequest(bytes)
      if (request === undefined || received) return
      received = true
      requests.push({ ...request, at: performance.now(), closedAt: () => closedAt })
      perform(planned.shift() ?? { kind: 'pass' }, bytes, client, target).catch((error) => client.destroy(error))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    plan: (...faults) => planned.push(...faults),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const client of clients) client.destroy()
      }),
  }
}
