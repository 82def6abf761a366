import { defaultNamespace } from '@holdfast/contracts'

/** The path of the items of a namespace, as answers name it. */
export const itemsPath = (namespace: string): string => (namespace === defaultNamespace ? '/items' : `/namespaces/${namespace}/items`)
