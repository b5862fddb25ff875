# savedrafts.sh: the state of this work (queue, reviews, drafts, checkpoints of scale paper) as two commits on main: in, and out again.
# Run again, it replaces the two where they are HEAD and this session's (made after $START, a commit).
cd /work/main; [ -z "$(git status --short)" ] || { echo "tree not clean"; exit 1; }
if [ "$(git log -1 --format=%s)" = "Drafts taken out of the tree again" ] && [ "$(git log -1 --format=%ct)" -gt ${START:-0} ]; then git reset -q --soft HEAD~2; git status --short | head -3; fi
rm -rf drafts; mkdir -p drafts
cp -r /root/queue drafts/queue; rm -f drafts/queue/*.log drafts/queue/*.lock drafts/queue/*.ipynb; rm -rf drafts/queue/__pycache__
cp -r /root/reviews drafts/reviews; cp -r /root/drafts/* drafts/ 2>/dev/null
mkdir -p drafts/checkpoints; cp -r checkpoints/paper drafts/checkpoints/
git add -f drafts && git commit -qm "Drafts of what is still to come, kept for the next session" && git rm -rq --cached drafts && git commit -qm "Drafts taken out of the tree again" && rm -rf drafts; git log --oneline | head -3; git status --short | head
