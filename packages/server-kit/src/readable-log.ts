import { Writable } from 'node:stream'

type LogRecord = Readonly<Record<string, unknown>>

const colours: Readonly<Record<string, number>> = { fatal: 31, error: 31, warn: 33, info: 36, debug: 90, trace: 90 }

/** Text that a terminal shows as it is: control characters could move its cursor or change its title. */
const printable = (text: string): string => text.replaceAll(/[^\x20-\x7e\u00a0-\uffff\n]/g, '?')

const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /[\s"=]/.test(text) && typeof value === 'string' ? JSON.stringify(text) : text
}

const timeOfDay = (time: unknown): string => {
  const date = new Date(String(time))
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** The line of a request: what was asked, the response, and how to find it again. */
const requestText = ({ method, path, route, status, duration_ms: duration }: LogRecord): string =>
  `${method} ${path ?? route ?? '(no route)'} ${status} ${Number(duration).toFixed(1)} ms`

const requestMembers = ['method', 'path', 'route', 'status', 'duration_ms']

/** Formats one JSON line of the log as text, with the stack of an error on lines of its own. */
const readableLine = (line: string, coloured: boolean): string => {
  const { level, time, msg, err, ...rest } = JSON.parse(line) as LogRecord & { readonly err?: LogRecord }
  const isRequest = rest.method !== undefined && rest.status !== undefined
  const members = Object.entries(rest).filter(([name, value]) => value !== undefined && !(isRequest && requestMembers.includes(name)))
  const label = String(level).padEnd(5)
  const parts = [
    timeOfDay(time),
    coloured ? `\u001b[${colours[String(level)] ?? 0}m${label}\u001b[0m` : label,
    printable(isRequest ? requestText(rest) : String(msg ?? '')),
    ...members.map(([name, value]) => printable(`${name}=${shown(value)}`)),
  ]
  const stack = err === undefined ? '' : `\n${printable(String(err.stack ?? `${err.type}: ${err.message}`)).replaceAll(/^/gm, '    ')}`
  return `${parts.join(' ')}${stack}\n`
}

/** A stream that writes log records to standard output as readable lines, in colour if the terminal has colours. */
export const readableOutput = (): Writable => {
  const coloured = process.stdout.isTTY && process.stdout.hasColors()
  // A terminal that was closed must not end the service.
  process.stdout.on('error', () => {})
  return new Writable({
    decodeStrings: false,
    write: (line: string, _encoding, done) => {
      process.stdout.write(readableLine(line, coloured), () => done())
    },
  })
}
