"""Writes lenient.json: chats and questions with missing roles, contents and answers, as seed 000's own functions read them.

    python3 tests/golden/make_lenient.py --seeds FOLDER

The functions are taken from the text of the document in FOLDER and run as they are.
"""
import argparse, json, os, random, re

parser = argparse.ArgumentParser()
parser.add_argument("--seeds", required=True)
folder = parser.parse_args().seeds
name = next(n for n in os.listdir(folder) if n.startswith("000_"))
document = open(os.path.join(folder, name)).read()
scope = {}
for code in re.findall(r"```python\n(def preprocess_.*?)```", document, re.S):
    exec(code, scope)

random.seed(5)
words = ["Hi", "Why?", "Two\nlines", "", "été 🙂", "a  b ", "System: x"]
chats = []
while len(chats) < 200:
    turns = []
    for _ in range(random.randint(1, 6)):
        turn = {}
        role = random.choice(["system", "user", "assistant", None, None])
        if role: turn["role"] = role
        if random.random() < 0.8: turn["content"] = random.choice(words)
        turns.append(turn)
    # without any history the document's function begins with a blank line
    if turns[0].get("role", "user") != "assistant":
        chats.append({"messages": turns})
questions = [{"question": random.choice(words), "answer": random.choice(words)} for _ in range(50)]
json.dump({
    "chats": [{"row": row, **scope["preprocess_chat_data"]([row])[0]} for row in chats],
    "questions": [{"row": row, **scope["preprocess_qa_pairs"]([row])[0]} for row in questions],
}, open(os.path.join(os.path.dirname(__file__), "lenient.json"), "w"), ensure_ascii=False, separators=(",", ":"))
