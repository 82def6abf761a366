import { Writable } from 'node:stream'

type LogRecord = Readonly<Record<string, unknown>>

const colors: Readonly<Record<string, number>> = { fatal: 31, error: 31, warn: 33, info: 36, debug: 90, trace: 90 }

/** Replaces control characters, which could move the cursor of a terminal or change its title. */
const printable = (text: string): string => text.replaceAll(/[^\x20-\x7e\u00a0-\uffff\n]/g, '?')

const formatValue = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /[\s"=]/.test(text) && typeof value === 'string' ? JSON.stringify(text) : text
}

const timeOfDay = (time: unknown): string => {
  const date = new Date(String(time))
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** Returns the text of a request: its method, path, status and duration. */
const requestText = ({ method, path, route, status, duration_ms: duration }: LogRecord): string =>
  `${method} ${path ?? route ?? '(no route)'} ${status} ${Number(duration).toFixed(1)} ms`

const requestMembers = ['method', 'path', 'route', 'status', 'duration_ms']

/** Formats a JSON line of the log as text, with the stack of an error on separate lines. */
const readableLine = (line: string, isColored: boolean): string => {
  const { level, time, msg, err, ...rest } = JSON.parse(line) as LogRecord & { readonly err?: LogRecord }
  const isRequest = rest.method !== undefined && rest.status !== undefined
  const members = Object.entries(rest).filter(([name, value]) => value !== undefined && !(isRequest && requestMembers.includes(name)))
  const label = String(level).padEnd(5)
  const parts = [
    timeOfDay(time),
    isColored ? `\u001b[${colors[String(level)] ?? 0}m${label}\u001b[0m` : label,
    printable(isRequest ? requestText(rest) : String(msg ?? '')),
    ...members.map(([name, value]) => printable(`${name}=${formatValue(value)}`)),
  ]
  const stack = err === undefined ? '' : `\n${printable(String(err.stack ?? `${err.type}: ${err.message}`)).replaceAll(/^/gm, '    ')}`
  return `${parts.join(' ')}${stack}\n`
}

/** Creates a stream that writes log records to standard output as readable lines, in color if the terminal supports it. */
export const readableOutput = (): Writable => {
  const isColored = process.stdout.isTTY && process.stdout.hasColors()
  // A closed terminal must not stop the service.
  process.stdout.on('error', () => {})
  return new Writable({
    decodeStrings: false,
    write: (line: string, _encoding, done) => {
      process.stdout.write(readableLine(line, isColored), () => done())
    },
  })
}
