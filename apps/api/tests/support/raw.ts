import { connect } from 'node:net'

/** Sends bytes over a socket of their own and answers all that comes back until the server closes it or falls silent. */
export const sendRaw = (url: string, bytes: string | Buffer, silenceMs = 300): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname, () => socket.write(bytes))
    let received = ''
    socket.setTimeout(silenceMs, () => {
      if (received !== '') socket.destroy()
    })
    socket.on('data', (data) => {
      received += data.toString('latin1')
    })
    socket.on('error', (error) => (received === '' ? reject(error) : resolve(received)))
    socket.on('close', () => resolve(received))
  })
