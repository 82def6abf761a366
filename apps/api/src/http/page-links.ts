import type { ItemPage, ListQuery } from '@holdfast/contracts'
import type { z } from 'zod'

type Place = { readonly page: number } | { readonly cursor: string }

/** Where the other pages are: by cursor only the first and the next can be named. */
const places = ({ page, total_pages, next_cursor }: z.output<typeof ItemPage>): Record<string, Place | undefined> => {
  if (page === null) return { first: { page: 1 }, next: next_cursor === null ? undefined : { cursor: next_cursor } }
  const last = Math.max(total_pages, 1)
  return {
    first: { page: 1 },
    prev: page > 1 ? { page: Math.min(page - 1, last) } : undefined,
    next: page < last ? { page: page + 1 } : undefined,
    last: { page: last },
  }
}

/** The Link header of a page (RFC 8288): the same list at other places. */
export const pageLinks = (query: z.output<typeof ListQuery>, answer: z.output<typeof ItemPage>): string => {
  const link = ([rel, place]: [string, Place | undefined]): string[] => {
    if (place === undefined) return []
    const parameters = new URLSearchParams(Object.entries(place).map(([name, value]) => [name, String(value)]))
    parameters.set('page_size', String(query.page_size))
    if (query.prefix !== '') parameters.set('prefix', query.prefix)
    if (query.keys_only === 'true') parameters.set('keys_only', 'true')
    return [`</items?${parameters}>; rel="${rel}"`]
  }
  return Object.entries(places(answer)).flatMap(link).join(', ')
}
