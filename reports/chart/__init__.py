"""Charts of a page: one chart, one file, and its file name is its name in a spec.

A file holds:

    TITLE, SHORT, READING   its heading, its word in the page's menu, how to read it (a sentence or two)
    PLACE                   where it stands among the charts of a page, if the spec does not say
    SQL                     its query on the ledger's views, with the one parameter `$edition`
    applies(plan)           whether a study has what it shows
    draw(frame, plan)       an Altair chart of the query's rows, in colours of `theme`; None if there is nothing to draw
    describe(frame, plan)   the same in words, for those who do not see it

A chart that needs room says so in its `usermeta`, in pixels: `narrowest` (below it the page scrolls) and `panel` (the
least width of one of its panels in an exported file).

`plan` is what `plan.json` holds and, under ``answer``, the verdict and contrasts of the statistics as plain values.
"""
