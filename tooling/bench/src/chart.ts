import type { Figures } from './compare.js'
import { fastestByHand, holdfastOf } from './report.js'

const width = 640
const rowHeight = 54
const left = 60
/** Width reserved for the label to the right of a bar. */
const labelWidth = 110

/**
 * Returns an SVG bar chart of the throughput of Holdfast and of the faster server written by hand, for
 * each workload at 64 connections with 40-byte values.
 */
export const chart = (figures: readonly Figures[]): string => {
  const shown = figures.filter(({ connections, valueBytes }) => connections === 64 && valueBytes === 40)
  const max = Math.max(...shown.flatMap((each) => [holdfastOf(each).perSecond, fastestByHand(each).perSecond]))
  const barWidth = (perSecond: number) => Math.round((perSecond / max) * (width - left - labelWidth))
  const bar = (y: number, perSecond: number, color: string, name: string) =>
    `<rect x="${left}" y="${y}" width="${barWidth(perSecond)}" height="18" fill="${color}"/><text x="${left + barWidth(perSecond) + 6}" y="${y + 13}">${Math.round(perSecond).toLocaleString('en-US')} ${name}</text>`
  const rows = shown.map((each, index) => {
    const y = 16 + index * rowHeight
    const holdfastBar = bar(y, holdfastOf(each).perSecond, '#2563eb', 'Holdfast')
    return `<text x="8" y="${y + 24}">${each.workload}</text>${holdfastBar}${bar(y + 20, fastestByHand(each).perSecond, '#94a3b8', 'by hand')}`
  })
  const height = 24 + shown.length * rowHeight
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui,sans-serif" font-size="12"><title>Requests per second at 64 connections</title><rect width="${width}" height="${height}" fill="#fff"/>${rows.join('')}</svg>\n`
}
