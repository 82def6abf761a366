import type { ItemPage, ListQuery } from '@holdfast/contracts'
import type { z } from 'zod'

/** What of the query says where a page is; nothing says it of the first. */
type Place = { readonly page?: number } | { readonly cursor: string }

/** The other pages: by cursor only the first and the next can be named, and without a total no last one. */
const places = ({ page, total_pages, next_cursor }: z.output<typeof ItemPage>, cut: boolean): Record<string, Place | undefined> => {
  const more = next_cursor !== null
  if (page === null) return { first: {}, next: more ? { cursor: next_cursor } : undefined }
  const last = total_pages === null ? undefined : Math.max(total_pages, 1)
  return {
    first: {},
    prev: page > 1 ? { page: Math.min(page - 1, last ?? page) } : undefined,
    next: more ? (cut ? { cursor: next_cursor } : { page: page + 1 }) : undefined,
    last: last === undefined ? undefined : { page: last },
  }
}

/** The Link header of a page (RFC 8288): the same list at other places. */
export const pageLinks = (path: string, query: z.output<typeof ListQuery>, answer: z.output<typeof ItemPage>, cut: boolean): string => {
  const link = ([rel, place]: [string, Place | undefined]): string[] => {
    if (place === undefined) return []
    const parameters = new URLSearchParams(Object.entries(place).map(([name, value]) => [name, String(value)]))
    parameters.set('page_size', String(query.page_size))
    if (query.prefix !== '') parameters.set('prefix', query.prefix)
    if (query.delimiter !== undefined) parameters.set('delimiter', query.delimiter)
    if (query.count === 'none') parameters.set('count', 'none')
    if (query.keys_only === 'true') parameters.set('keys_only', 'true')
    return [`<${path}?${parameters}>; rel="${rel}"`]
  }
  return Object.entries(places(answer, cut)).flatMap(link).join(', ')
}
