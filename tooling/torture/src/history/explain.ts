import { checkLinearizable, type Model } from './checker.ts'
import type { Operation, OperationResponse, Request } from './operation.ts'

/** The number of operations shown before the impossible one. */
const contextLength = 12

/** Returns the history as known at an instant: without later calls, and with later responses pending. */
const historyAt = (history: readonly Operation[], instant: number): Operation[] =>
  history
    .filter(({ called }) => called <= instant)
    .map((operation) =>
      operation.returned !== undefined && operation.returned > instant
        ? { ...operation, returned: undefined, response: undefined }
        : operation,
    )

const requestText = (request: Request): string => {
  switch (request.kind) {
    case 'put':
      return `put ${JSON.stringify(request.value)}`
    case 'cas':
      return `put ${JSON.stringify(request.value)} if ${request.expected === null ? 'absent' : `version ${request.expected}`}`
    case 'increment':
      return `increment by ${request.by}`
    default:
      return request.kind
  }
}

const responseText = (response: OperationResponse | undefined): string => {
  if (response === undefined) return '?'
  if (response.kind === 'item') return `${JSON.stringify(response.value)}, version ${response.version}`
  if (response.kind !== 'mismatch') return response.kind
  return `rejected, ${response.version === null ? 'no item' : `version ${response.version ?? 'unknown'}`}`
}

const line = ({ client, called, returned, request, response }: Operation, start: number): string => {
  const time = (at: number) => (at - start).toFixed(2).padStart(9)
  return `${time(called)} … ${returned === undefined ? '        ?' : time(returned)} ms  client ${client}: ${requestText(request)} → ${responseText(response)}`
}

/**
 * Explains why a history of one key is not linearizable, by the first response that cannot be correct.
 * Every prefix of a linearizable history is linearizable, so a binary search finds that response.
 * @returns undefined if the history is linearizable
 */
export const explainViolation = <State>(key: string, history: readonly Operation[], model: Model<State>): string | undefined => {
  if (checkLinearizable(history, model).linearizable) return undefined
  const ends = history.flatMap(({ returned }) => (returned === undefined ? [] : [returned])).sort((a, b) => a - b)
  let [low, high] = [0, ends.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (checkLinearizable(historyAt(history, ends[middle] as number), model).linearizable) low = middle + 1
    else high = middle
  }
  const instant = ends[low] as number
  const prefix = historyAt(history, instant).sort((a, b) => a.called - b.called)
  const impossible = prefix.find(({ returned }) => returned === instant) as Operation
  const { reached } = checkLinearizable(prefix, model)
  const start = prefix[0]?.called ?? 0
  const context = prefix.filter((operation) => operation !== impossible).slice(-contextLength)
  return [
    `key ${key} is not linearizable: no order of its operations explains this response`,
    line(impossible, start),
    `the last ${context.length} operations called before the response:`,
    ...context.map((operation) => line(operation, start)),
    `the longest orders end in the states: ${[...new Set(reached.map(model.identity))].slice(0, 5).join(' | ')}`,
  ].join('\n  ')
}
