import { connect, createServer, type Server, type Socket } from 'node:net'

/** What the proxy does with one request. Each happens over a connection of its own. */
export type Fault =
  /** Passes request and answer on. */
  | { readonly kind: 'pass'; readonly delayMs?: number }
  /** Cuts the connection when the request is there; the service never sees it. */
  | { readonly kind: 'cut before' }
  /** Lets the service do its work and cuts the connection in place of the answer. */
  | { readonly kind: 'cut after' }
  /** Passes so many bytes of the answer's body on, then cuts the connection. */
  | { readonly kind: 'truncate'; readonly bytes: number; readonly end?: 'cut' | 'half-close' }
  /** Takes the request and never answers; whether the service sees it is given. */
  | { readonly kind: 'black hole'; readonly forward: boolean }
  /** Sends these bytes and then nothing, on a connection that stays open. */
  | { readonly kind: 'stall'; readonly bytes: string }
  /** Responds by itself. `forward`: the service does its work first. */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      /** The body, or what makes it of the request's path. */
      readonly body?: string | ((path: string) => string)
      readonly forward?: boolean
    }

/** A request as the proxy saw it. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: Headers
  readonly body: string
  /** When it was whole and when its connection was closed, as `performance.now()` counts. */
  readonly at: number
  readonly closedAt: () => number | undefined
}

export interface FaultProxy {
  readonly url: string
  /** All requests so far. */
  readonly requests: SeenRequest[]
  /** What happens to the next requests, one after another; `pass` when they are used up. */
  readonly plan: (...faults: readonly Fault[]) => void
  readonly close: () => Promise<void>
}

const endOfHead = '\r\n\r\n'

/** The request in these bytes, once it is whole. */
const parseRequest = (bytes: Buffer): Omit<SeenRequest, 'at' | 'closedAt'> | undefined => {
  const end = bytes.indexOf(endOfHead)
  if (end === -1) return undefined
  const [line = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const headers = new Headers(lines.map((header) => [header.slice(0, header.indexOf(':')), header.slice(header.indexOf(':') + 1).trim()]))
  const body = bytes.subarray(end + endOfHead.length)
  if (body.length < Number(headers.get('content-length') ?? 0)) return undefined
  const [method = '', path = ''] = line.split(' ')
  return { method, path, headers, body: body.toString() }
}

/** The same request on a connection that ends with its answer, so that each has a connection of its own. */
const closing = (bytes: Buffer): Buffer => {
  const end = bytes.indexOf(endOfHead)
  const head = bytes
    .subarray(0, end)
    .toString('latin1')
    .replace(/\r\nconnection:[^\r]*/i, '')
  return Buffer.concat([Buffer.from(`${head}\r\nconnection: close${endOfHead}`, 'latin1'), bytes.subarray(end + endOfHead.length)])
}

const responseText = ({ status, headers = {}, body: given = '' }: Extract<Fault, { kind: 'answer' }>, path: string): string => {
  const body = typeof given === 'string' ? given : given(path)
  const length = status === 204 || status === 304 ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const all = { ...length, connection: 'close', ...headers }
  return [`HTTP/1.1 ${status} Proxy`, ...Object.entries(all).map(([name, value]) => `${name}: ${value}`), '', body].join('\r\n')
}

/** Sends the request on and answers all that comes back. */
const forward = (target: URL, bytes: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const upstream = connect(Number(target.port), target.hostname, () => upstream.write(closing(bytes)))
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
    case 'answer':
      if (fault.forward) await forward(target, bytes)
      client.end(responseText(fault, parseRequest(bytes)?.path ?? ''))
  }
}

/** Stands between a client and a service at `targetUrl`, and does to each request what was planned. */
export const startFaultProxy = async (targetUrl: string): Promise<FaultProxy> => {
  const target = new URL(targetUrl)
  const requests: SeenRequest[] = []
  const planned: Fault[] = []
  const clients = new Set<Socket>()
  const server: Server = createServer((client) => {
    let bytes = Buffer.alloc(0)
    let closedAt: number | undefined
    let seen = false
    clients.add(client)
    client.on('error', () => {})
    client.on('close', () => {
      closedAt = performance.now()
      clients.delete(client)
    })
    client.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      const request = parseRequest(bytes)
      if (request === undefined || seen) return
      seen = true
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
