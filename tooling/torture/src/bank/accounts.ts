import { ChecksFailedError, type Client, OutOfBoundsError } from '@holdfast/client'
import { promise } from '../violation.ts'

const count = 20
const opening = 100
const amountMax = 30

const accounts = Array.from({ length: count }, (_, n) => `account-${n}`)
/** What all accounts have together, for ever. */
const sum = count * opening

/** What became of a transfer. `refused`: for want of money, or because others changed an account meanwhile. */
export type Transfer = 'done' | 'rejected'

const anyTwo = (): [string, string] => {
  const from = Math.floor(Math.random() * count)
  const to = (from + 1 + Math.floor(Math.random() * (count - 1))) % count
  return [accounts[from] as string, accounts[to] as string]
}

export const openAccounts = async (client: Client): Promise<void> => {
  for (const account of accounts) await client.put(account, opening)
}

const orRejected = async (transfer: Promise<unknown>): Promise<Transfer> => {
  try {
    await transfer
    return 'done'
  } catch (error) {
    if (error instanceof ChecksFailedError || error instanceof OutOfBoundsError) return 'rejected'
    throw error
  }
}

/** Adds to two accounts, neither of which may end below nothing. */
const byIncrements = (client: Client): Promise<Transfer> => {
  const [from, to] = anyTwo()
  const amount = 1 + Math.floor(Math.random() * amountMax)
  return orRejected(
    client.transaction((tx) => {
      tx.increment(to, { by: amount })
      tx.increment(from, { by: -amount, min: 0 })
    }),
  )
}

/** Reads two accounts and sets both, if nobody changed them since. */
const byChecks = async (client: Client): Promise<Transfer> => {
  const pair = anyTwo()
  const [from, to] = await client.getMany<number>(pair)
  const amount = 1 + Math.floor(Math.random() * amountMax)
  if (from === undefined || to === undefined || from.value < amount) return 'rejected'
  return orRejected(
    client.transaction((tx) => {
      tx.check(from.key, from.version)
      tx.check(to.key, to.version)
      tx.set(from.key, from.value - amount)
      tx.set(to.key, to.value + amount)
    }),
  )
}

/** Moves a random amount from one random account to another. */
export const transfer = (client: Client): Promise<Transfer> => (Math.random() < 0.5 ? byIncrements(client) : byChecks(client))

/** Reads all accounts at one instant. @throws Violation where money came or went */
export const audit = async (client: Client): Promise<void> => {
  const values = (await client.getMany<number>(accounts)).map((item) => item?.value ?? Number.NaN)
  const total = values.reduce((all, value) => all + value, 0)
  promise(total === sum, () => `the accounts have ${total} together; expected ${sum}: ${values}`)
  promise(
    values.every((value) => value >= 0),
    () => `an account has less than nothing: ${values}`,
  )
}
