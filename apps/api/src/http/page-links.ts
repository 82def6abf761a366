import type { ListQuery } from '@holdfast/contracts'
import type { z } from 'zod'

/** The Link header of a page (RFC 8288): the same list at other pages. */
export const pageLinks = (query: z.output<typeof ListQuery>, totalPages: number): string => {
  const last = Math.max(totalPages, 1)
  const pages = {
    first: 1,
    prev: query.page > 1 ? Math.min(query.page - 1, last) : undefined,
    next: query.page < last ? query.page + 1 : undefined,
    last,
  }
  const link = ([rel, page]: [string, number | undefined]): string[] => {
    if (page === undefined) return []
    const parameters = new URLSearchParams(Object.entries({ ...query, page }).map(([name, value]) => [name, String(value)]))
    if (query.prefix === '') parameters.delete('prefix')
    if (query.keys_only === 'false') parameters.delete('keys_only')
    return [`</items?${parameters}>; rel="${rel}"`]
  }
  return Object.entries(pages).flatMap(link).join(', ')
}
