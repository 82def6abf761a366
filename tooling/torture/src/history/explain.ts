import { checkLinearizable, type Model } from './checker.ts'
import type { Answer, Operation, Request } from './operation.ts'

/** How many operations before the impossible one are shown. */
const shown = 12

/** What was known of a history at an instant: later calls are left out, later answers not yet there. */
const until = (history: readonly Operation[], instant: number): Operation[] =>
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

const responseText = (response: Answer | undefined): string => {
  if (response === undefined) return '?'
  if (response.kind === 'item') return `${JSON.stringify(response.value)}, version ${response.version}`
  if (response.kind !== 'mismatch') return response.kind
  return `refused, ${response.version === null ? 'there is none' : `version ${response.version ?? 'not told'}`}`
}

const line = ({ client, called, returned, request, response }: Operation, zero: number): string => {
  const time = (at: number) => (at - zero).toFixed(2).padStart(9)
  return `${time(called)} … ${returned === undefined ? '        ?' : time(returned)} ms  client ${client}: ${requestText(request)} → ${responseText(response)}`
}

/**
 * Says why a history of one key has no order, by the first answer that cannot be right: whatever has an order until an instant had
 * one before it, so that answer is found by halving.
 * @returns undefined where the history is linearizable
 */
export const explainViolation = <State>(key: string, history: readonly Operation[], model: Model<State>): string | undefined => {
  if (checkLinearizable(history, model).linearizable) return undefined
  const ends = history.flatMap(({ returned }) => (returned === undefined ? [] : [returned])).sort((a, b) => a - b)
  let [low, high] = [0, ends.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (checkLinearizable(until(history, ends[middle] as number), model).linearizable) low = middle + 1
    else high = middle
  }
  const instant = ends[low] as number
  const prefix = until(history, instant).sort((a, b) => a.called - b.called)
  const impossible = prefix.find(({ returned }) => returned === instant) as Operation
  const { reached } = checkLinearizable(prefix, model)
  const zero = prefix[0]?.called ?? 0
  const around = prefix.filter((operation) => operation !== impossible).slice(-shown)
  return [
    `key ${key} is not linearizable: no order of its operations explains the answer`,
    line(impossible, zero),
    'after, among others, these:',
    ...around.map((operation) => line(operation, zero)),
    `the longest orders end in: ${[...new Set(reached.map(model.identity))].slice(0, 5).join(' | ')}`,
  ].join('\n  ')
}
