import { type ItemPage, ListQuery, limits } from '@holdfast/contracts'
import type { z } from 'zod'

/** The query parameters that select a page. The first page has none. */
type Place = { readonly page?: number } | { readonly cursor: string }

/**
 * Returns the linked pages. A list by cursor links to its first and next page. A page beyond the reach of numbers is linked by cursor or
 * not at all.
 */
const indexes = (
  { page, page_size, total_pages, next_cursor }: z.output<typeof ItemPage>,
  cut: boolean,
): Record<string, Place | undefined> => {
  const more = next_cursor !== null
  if (page === null) return { first: {}, next: more ? { cursor: next_cursor } : undefined }
  const reaches = (number: number): boolean => number * page_size <= limits.pagedItems
  const last = total_pages === null ? undefined : Math.max(total_pages, 1)
  const before = Math.min(page - 1, last ?? page)
  return {
    first: {},
    prev: before > 0 && reaches(before) ? { page: before } : undefined,
    next: more ? (cut || !reaches(page + 1) ? { cursor: next_cursor } : { page: page + 1 }) : undefined,
    last: last === undefined || !reaches(last) ? undefined : { page: last },
  }
}

/** The parameters that select a page. A link has those of its own page. */
const pageParameters: ReadonlySet<string> = new Set(['page', 'cursor', 'start_after'] satisfies (keyof z.output<typeof ListQuery>)[])

/** The values that a link omits. It always has the page size, because page numbers depend on it. */
const omitted: Readonly<Record<string, unknown>> = { ...ListQuery.parse({}), page_size: undefined }

/** Returns the Link header of a page (RFC 8288), with links to other pages of the list. */
export const pageLinks = (path: string, query: z.output<typeof ListQuery>, response: z.output<typeof ItemPage>, cut: boolean): string => {
  const link = ([rel, index]: [string, Place | undefined]): string[] => {
    if (index === undefined) return []
    const parameters = new URLSearchParams(Object.entries(index).map(([name, value]) => [name, String(value)]))
    for (const [name, value] of Object.entries(query)) {
      if (!pageParameters.has(name) && value !== omitted[name]) parameters.set(name, String(value))
    }
    return [`<${path}?${parameters}>; rel="${rel}"`]
  }
  return Object.entries(indexes(response, cut)).flatMap(link).join(', ')
}
