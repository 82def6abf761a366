import { type BlockList, isIP } from 'node:net'

/** An IPv4 address that came over an IPv6 socket is that IPv4 address (RFC 4291 section 2.5.5.2). */
const unmapped = (address: string): string => {
  if (!address.includes(':')) return address
  const plain = address.replace(/%.*$/, '')
  const [, dotted, high, low] = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([\da-f]{1,4}):([\da-f]{1,4}))$/i.exec(plain) ?? []
  if (high === undefined || low === undefined) return dotted ?? plain
  const bits = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16)
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.')
}

const trusts = (trusted: BlockList, address: string): boolean => trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** The address in an entry of X-Forwarded-For, which may carry a port; undefined where it is none. */
const entryAddress = (entry: string): string | undefined => {
  const text = entry.trim()
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text
  const address = unmapped(bare)
  return isIP(address) === 0 ? undefined : address
}

/**
 * The address of the client: the peer's, or where the peer is a trusted proxy, the nearest address of X-Forwarded-For,
 * read from the right, that is not one. What stands further left was written by the client itself.
 */
export const clientAddress = (peer: string | undefined, forwardedFor: string | undefined, trusted: BlockList): string => {
  let address = unmapped(peer ?? '')
  if (forwardedFor === undefined) return address
  for (const entry of forwardedFor.split(',').reverse()) {
    if (isIP(address) === 0 || !trusts(trusted, address)) return address
    const next = entryAddress(entry)
    if (next === undefined) return address
    address = next
  }
  return address
}

const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))

/** The network of so many groups of 16 bits that an IPv6 address is in. */
const networkOf = (address: string, count: number): string => {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const plain = dotted ? `${dotted[1]}0:0` : address
  const [head = '', tail] = plain.split('::')
  const left = groups(head)
  const right = groups(tail ?? '')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  const all = [...left, ...Array<string>(zeros).fill('0'), ...right]
  const network = all.slice(0, count).map((group) => Number.parseInt(group, 16).toString(16))
  return `${network.join(':')}::/${count * 16}`
}

/** Who a rate limit counts: an IPv4 address, or the /64 network of an IPv6 address, because one host has all of it. */
export const clientNetwork = (address: string): string => (address.includes(':') ? networkOf(address, 4) : address)

/** The /48 network of an IPv6 address: what one site is given at the most (RFC 6177), with 65,536 networks in it; undefined for IPv4. */
export const clientSite = (address: string): string | undefined => (address.includes(':') ? networkOf(address, 3) : undefined)
