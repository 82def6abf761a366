import type { Figures } from './compare.js'
import { bestByHand, holdfastOf } from './report.js'

const width = 640
const rowHeight = 54
const left = 60
const room = 110

/** Bars of Holdfast and of the better server by hand, for each workload at 64 connections and the smaller value. */
export const chart = (figures: readonly Figures[]): string => {
  const shown = figures.filter(({ connections, valueBytes }) => connections === 64 && valueBytes === 40)
  const most = Math.max(...shown.flatMap((each) => [holdfastOf(each).perSecond, bestByHand(each).perSecond]))
  const length = (perSecond: number) => Math.round((perSecond / most) * (width - left - room))
  const bar = (y: number, perSecond: number, color: string, name: string) =>
    `<rect x="${left}" y="${y}" width="${length(perSecond)}" height="18" fill="${color}"/><text x="${left + length(perSecond) + 6}" y="${y + 13}">${Math.round(perSecond).toLocaleString('en-US')} ${name}</text>`
  const rows = shown.map((each, index) => {
    const y = 16 + index * rowHeight
    const own = bar(y, holdfastOf(each).perSecond, '#2563eb', 'Holdfast')
    return `<text x="8" y="${y + 24}">${each.workload}</text>${own}${bar(y + 20, bestByHand(each).perSecond, '#94a3b8', 'by hand')}`
  })
  const height = 24 + shown.length * rowHeight
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui,sans-serif" font-size="12"><title>Requests per second at 64 connections</title><rect width="${width}" height="${height}" fill="#fff"/>${rows.join('')}</svg>\n`
}
