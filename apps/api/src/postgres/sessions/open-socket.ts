import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ServerEndpoint, TlsOptions } from '../address/database-url.js'

/** The SSLRequest message (PostgreSQL docs, section 54.7). */
const tlsRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const tlsAccepted = 'S'.charCodeAt(0)

const errorWith = (code: string, message: string) => Object.assign(new Error(message), { code })

/** Requests TLS and returns whether the server accepts. */
const acceptsTls = async (socket: Socket): Promise<boolean> => {
  socket.write(tlsRequest)
  const [response] = (await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [])])) as [Buffer?]
  if (response === undefined) throw errorWith('ECONNRESET', 'the server closed the connection after the request for TLS')
  // More than one byte could be injected by an attacker, to be taken for encrypted data (CVE-2021-23222).
  if (response.length !== 1) throw errorWith('ERR_TLS', 'the server sent data before the TLS handshake')
  return response[0] === tlsAccepted
}

const readPem = async (parameter: string, file: string | undefined): Promise<Buffer | undefined> => {
  if (file === undefined || file === 'system') return undefined
  try {
    return await readFile(file)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error
    throw errorWith('ERR_TLS', `the file of ${parameter} cannot be read: ${code}`)
  }
}

const startTls = async (socket: Socket, host: string | undefined, tls: TlsOptions): Promise<Socket> => {
  const { mode, rootCertificate } = tls
  const verify = mode === 'verify-full' || mode === 'verify-ca' || (mode === 'require' && rootCertificate !== undefined)
  const [ca, cert, key] = await Promise.all([
    readPem('sslrootcert', rootCertificate),
    readPem('sslcert', tls.certificate),
    readPem('sslkey', tls.key),
  ])
  const encrypted = connectTls({
    socket,
    ...(host !== undefined && isIP(host) === 0 ? { servername: host } : {}),
    ...(host === undefined ? {} : { host }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
    ...(tls.direct ? { ALPNProtocols: ['postgresql'] } : {}),
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    rejectUnauthorized: verify,
  })
  socket.on('error', (error) => encrypted.destroy(error))
  await once(encrypted, 'secureConnect')
  return encrypted
}

const negotiateTls = async (socket: Socket, host: string | undefined, tls: TlsOptions): Promise<Socket> => {
  if (tls.direct || (await acceptsTls(socket))) return await startTls(socket, host, tls)
  if (tls.mode === 'prefer' || tls.mode === 'allow') return socket
  throw errorWith('ERR_TLS', `the server does not support TLS, which sslmode=${tls.mode} requires`)
}

/**
 * Connects to a server, with TLS if the options require it. A Unix socket never uses TLS.
 * @param host the name that the server's certificate must have
 * @throws the error of the network or of TLS, or an error with the code `CONNECT_TIMEOUT` after `timeoutMs`
 */
export const openSocket = async (
  endpoint: ServerEndpoint,
  host: string | undefined,
  tls: TlsOptions,
  timeoutMs: number,
): Promise<Socket> => {
  const socket = 'path' in endpoint ? connect(endpoint.path) : connect({ host: endpoint.host, port: endpoint.port, noDelay: true })
  const timer = setTimeout(() => socket.destroy(errorWith('CONNECT_TIMEOUT', `no connection within ${timeoutMs} ms`)), timeoutMs)
  try {
    await once(socket, 'connect')
    return 'path' in endpoint || tls.mode === 'disable' ? socket : await negotiateTls(socket, host, tls)
  } catch (error) {
    socket.on('error', () => {})
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
  }
}
